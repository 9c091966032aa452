package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// placing records what a scheduler places, for tests that end attempts by hand.
type placing struct {
	*scheduler
	placed []string
}

func newPlacing(places int) *placing {
	p := &placing{}
	p.scheduler = newScheduler(places, func(t turn) {
		p.placed = append(p.placed, t.String())
	})
	return p
}

func (t *turn) String() string {
	if t == nil {
		return "none"
	}
	return fmt.Sprintf("%d/%d", t.active.id, t.task)
}

func newActive(id int64, width, tasks int) *active {
	a := &active{id: id, width: width, row: executionRow{counts: counts{tasks: tasks}}}
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	a.wait(0)
	return a
}

func (p *placing) want(t *testing.T, when, placed string) {
	t.Helper()
	if got := strings.Join(p.placed, " "); got != placed {
		t.Errorf("%s: placed %s, want %s", when, got, placed)
	}
}

func TestSchedulerKeepsToPlacesAndParallelism(t *testing.T) {
	t.Parallel()
	p, wide, narrow := newPlacing(3), newActive(1, 10, 4), newActive(2, 1, 2)
	p.add(wide)
	p.want(t, "three places", "1/0 1/1 1/2")
	p.add(narrow)
	p.want(t, "no place is free", "1/0 1/1 1/2")
	p.leave(wide, nil, nil)
	p.leave(wide, nil, nil)
	p.want(t, "two places came free", "1/0 1/1 1/2 1/3 2/0")
	p.leave(wide, nil, nil)
	p.want(t, "the narrow one is at its parallelism", "1/0 1/1 1/2 1/3 2/0")
	p.leave(narrow, nil, nil)
	p.want(t, "its first task has ended", "1/0 1/1 1/2 1/3 2/0 2/1")
}

func TestSchedulerServesExecutionsByTurns(t *testing.T) {
	t.Parallel()
	p, large, small := newPlacing(2), newActive(1, 100, 100), newActive(2, 100, 2)
	p.add(large)
	p.add(small)
	for range 4 {
		p.leave(large, nil, nil)
	}
	if !slices.Contains(p.placed, "2/0") || !slices.Contains(p.placed, "2/1") {
		t.Errorf("after four places came free: placed %v, want the small execution's tasks among them", p.placed)
	}
}

func TestSchedulerSkipsStoppedExecution(t *testing.T) {
	t.Parallel()
	p, a := newPlacing(1), newActive(1, 1, 2)
	p.add(a)
	p.leave(a, &placement{task: 0, attempt: 1}, nil)
	p.want(t, "the first task is to be placed again, behind the second", "1/0 1/1")
	p.stop(a)
	if !errors.Is(context.Cause(a.ctx), errStopped) {
		t.Errorf("cause = %v, want errStopped", context.Cause(a.ctx))
	}
	p.leave(a, nil, nil)
	p.want(t, "nothing of a stopped execution is placed", "1/0 1/1")
	p.close()
	p.add(newActive(2, 1, 1))
	p.want(t, "nothing is placed by a closed scheduler", "1/0 1/1")
}

func TestSchedulerHandsAPlaceOn(t *testing.T) {
	t.Parallel()
	p, one, two := newPlacing(1), newActive(1, 1, 2), newActive(2, 1, 2)
	p.add(one)
	next := p.successor(one)
	if next.String() != "1/1" {
		t.Errorf("successor = %v, want 1/1: nobody else waits", next)
	}
	p.leave(one, nil, next)
	p.add(two)
	if next = p.successor(one); next.String() != "2/0" {
		t.Errorf("successor = %v, want 2/0, which waits", next)
	}
	p.leave(one, nil, next)
	p.want(t, "the place was handed on", "1/0")
	if next = p.successor(two); next.String() != "2/1" {
		t.Errorf("successor = %v, want 2/1", next)
	}
	p.putBack(next)
	p.leave(two, nil, nil)
	p.want(t, "it was not taken, and is placed as any other", "1/0 2/1")
	if next = p.successor(two); next != nil {
		t.Errorf("successor = %v, want none: all are placed", next)
	}
	p.close()
	p.add(newActive(3, 1, 1))
	if next = p.successor(two); next != nil {
		t.Errorf("successor = %v, want none from a closed scheduler", next)
	}
}

// TestSchedulerWithFewerPlacesThanBefore checks the case that an earlier process placed more
// tasks than there are places now.
func TestSchedulerWithFewerPlacesThanBefore(t *testing.T) {
	t.Parallel()
	p, adopted, waiting := newPlacing(1), newActive(1, 2, 0), newActive(2, 1, 1)
	p.occupy(2)
	adopted.again, adopted.running = nil, 2
	p.add(adopted, placement{task: 0}, placement{task: 1})
	p.add(waiting)
	if next := p.successor(adopted); next != nil {
		t.Errorf("successor = %v, want none: two run in one place", next)
	}
	p.leave(adopted, nil, nil)
	p.want(t, "one more runs in the place", "1/0 1/1")
	if next := p.successor(adopted); next.String() != "2/0" {
		t.Errorf("successor = %v, want 2/0, which waits", next)
	}
}

func TestSchedulerSkipsForgottenExecution(t *testing.T) {
	t.Parallel()
	p, one, two := newPlacing(1), newActive(1, 1, 1), newActive(2, 2, 2)
	p.add(one)
	p.add(two)
	next := p.successor(one) // of two, which ends before it is claimed
	p.forget(two)
	p.putBack(next)
	p.leave(one, nil, nil)
	p.want(t, "nothing else waits", "1/0")
}
