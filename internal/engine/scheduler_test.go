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
	p.scheduler = newScheduler(places, func(a *active, at placement) {
		p.placed = append(p.placed, fmt.Sprintf("%d/%d", a.id, at.task))
	})
	return p
}

func newActive(id int64, width, tasks int) *active {
	a := &active{id: id, width: width, ready: firstPlacements(tasks, 0)}
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
	p.done(wide, nil)
	p.done(wide, nil)
	p.want(t, "two places came free", "1/0 1/1 1/2 1/3 2/0")
	p.done(wide, nil)
	p.want(t, "the narrow one is at its parallelism", "1/0 1/1 1/2 1/3 2/0")
	p.done(narrow, nil)
	p.want(t, "its first task has ended", "1/0 1/1 1/2 1/3 2/0 2/1")
}

func TestSchedulerServesExecutionsByTurns(t *testing.T) {
	t.Parallel()
	p, large, small := newPlacing(2), newActive(1, 100, 100), newActive(2, 100, 2)
	p.bring(large)
	p.bring(small)
	for range 4 {
		p.done(large, nil)
	}
	if !slices.Contains(p.placed, "2/0") || !slices.Contains(p.placed, "2/1") {
		t.Errorf("after four places came free: placed %v, want the small execution's tasks among them", p.placed)
	}
}

func TestSchedulerPlacesATaskAgainAndNothingOfAStoppedExecution(t *testing.T) {
	t.Parallel()
	p, a := newPlacing(1), newActive(1, 1, 2)
	p.bring(a)
	p.done(a, &placement{task: 0, attempt: 1})
	p.want(t, "the first task is to be placed again, behind the second", "1/0 1/1")
	p.stop(1)
	if !errors.Is(context.Cause(a.ctx), errStopped) {
		t.Errorf("cause = %v, want errStopped", context.Cause(a.ctx))
	}
	p.done(a, nil)
	p.want(t, "nothing of a stopped execution is placed", "1/0 1/1")
	p.close()
	p.bring(newActive(2, 1, 1))
	p.want(t, "nothing is placed by a closed scheduler", "1/0 1/1")
}
