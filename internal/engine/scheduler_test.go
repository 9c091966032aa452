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
	a := &active{id: id, width: width, ready: firstPlacements(tasks, 0), ended: make(chan struct{})}
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	return a
}

func (p *placing) bring(a *active) {
	p.register(a, 0)
	p.add(a)
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
	p.bring(wide)
	p.want(t, "three places", "1/0 1/1 1/2")
	p.bring(narrow)
	p.want(t, "no place is free", "1/0 1/1 1/2")
	p.done(wide, nil, nil)
	p.done(wide, nil, nil)
	p.want(t, "two places came free", "1/0 1/1 1/2 1/3 2/0")
	p.done(wide, nil, nil)
	p.want(t, "the narrow one is at its parallelism", "1/0 1/1 1/2 1/3 2/0")
	p.done(narrow, nil, nil)
	p.want(t, "its first task has ended", "1/0 1/1 1/2 1/3 2/0 2/1")
}

func TestSchedulerServesExecutionsByTurns(t *testing.T) {
	t.Parallel()
	p, large, small := newPlacing(2), newActive(1, 100, 100), newActive(2, 100, 2)
	p.bring(large)
	p.bring(small)
	for range 4 {
		p.done(large, nil, nil)
	}
	if !slices.Contains(p.placed, "2/0") || !slices.Contains(p.placed, "2/1") {
		t.Errorf("after four places came free: placed %v, want the small execution's tasks among them", p.placed)
	}
}

func TestSchedulerPlacesATaskAgainAndNothingOfAStoppedExecution(t *testing.T) {
	t.Parallel()
	p, a := newPlacing(1), newActive(1, 1, 2)
	p.bring(a)
	p.done(a, &placement{task: 0, attempt: 1}, nil)
	p.want(t, "the first task is to be placed again, behind the second", "1/0 1/1")
	p.stop(1)
	if !errors.Is(context.Cause(a.ctx), errStopped) {
		t.Errorf("cause = %v, want errStopped", context.Cause(a.ctx))
	}
	p.done(a, nil, nil)
	p.want(t, "nothing of a stopped execution is placed", "1/0 1/1")
	p.close()
	p.bring(newActive(2, 1, 1))
	p.want(t, "nothing is placed by a closed scheduler", "1/0 1/1")
}

func TestSchedulerHandsAPlaceOn(t *testing.T) {
	t.Parallel()
	p, one, two := newPlacing(1), newActive(1, 1, 2), newActive(2, 1, 2)
	p.bring(one)
	next := p.next(one)
	if next.String() != "1/1" {
		t.Errorf("next = %v, want 1/1: nobody else waits", next)
	}
	p.done(one, nil, next)
	p.bring(two)
	if next = p.next(one); next.String() != "2/0" {
		t.Errorf("next = %v, want 2/0, which waits", next)
	}
	p.done(one, nil, next)
	p.want(t, "the place was handed on", "1/0")
	if next = p.next(two); next.String() != "2/1" {
		t.Errorf("next = %v, want 2/1", next)
	}
	p.drop(next)
	p.done(two, nil, nil)
	p.want(t, "it was not taken, and is placed as any other", "1/0 2/1")
	if next = p.next(two); next != nil {
		t.Errorf("next = %v, want none: all are placed", next)
	}
	p.close()
	p.bring(newActive(3, 1, 1))
	if next = p.next(two); next != nil {
		t.Errorf("next = %v, want none from a closed scheduler", next)
	}
}

// What an earlier process placed may be more than there are places now.
func TestSchedulerHandsNoPlaceOnThatIsNotThere(t *testing.T) {
	t.Parallel()
	p, adopted, waiting := newPlacing(1), newActive(1, 2, 0), newActive(2, 1, 1)
	p.occupy(2)
	p.register(adopted, 2)
	p.add(adopted, placement{task: 0}, placement{task: 1})
	p.bring(waiting)
	if next := p.next(adopted); next != nil {
		t.Errorf("next = %v, want none: two run in one place", next)
	}
	p.done(adopted, nil, nil)
	p.want(t, "one more runs in the place", "1/0 1/1")
	if next := p.next(adopted); next.String() != "2/0" {
		t.Errorf("next = %v, want 2/0, which waits", next)
	}
}

func TestSchedulerPlacesNothingOfAForgottenExecution(t *testing.T) {
	t.Parallel()
	p, one, two := newPlacing(1), newActive(1, 1, 1), newActive(2, 2, 2)
	p.bring(one)
	p.bring(two)
	next := p.next(one) // of two, which ends before it is claimed
	p.remove(two)
	if idle := p.drop(next); idle != nil {
		t.Errorf("drop = %v, want none: it is forgotten", idle.id)
	}
	p.done(one, nil, nil)
	p.want(t, "nothing else waits", "1/0")
}

// Whoever leaves a stopped execution last tells of its end; while one of it runs,
// it is that one.
func TestSchedulerTellsWhoLeavesAStoppedExecutionLast(t *testing.T) {
	t.Parallel()
	p, one, two := newPlacing(1), newActive(1, 1, 1), newActive(2, 1, 2)
	p.bring(one)
	p.bring(two)
	next := p.next(one) // of two, and about to be claimed
	if idle := p.stop(2); idle != nil {
		t.Errorf("stop = %v, want none: a task of it is about to be placed", idle.id)
	}
	if idle := p.drop(next); idle != two {
		t.Errorf("drop = %v, want the execution: nothing of it runs", idle)
	}
	p.remove(two)
	if idle := p.stop(2); idle != nil {
		t.Errorf("stop = %v, want none: it is forgotten", idle.id)
	}
	if idle := p.stop(1); idle != nil {
		t.Errorf("stop = %v, want none: a task of it runs", idle.id)
	}
	if idle := p.done(one, nil, nil); idle != one {
		t.Errorf("done = %v, want the execution: nothing of it runs any more", idle)
	}
}
