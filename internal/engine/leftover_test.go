package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/runner"
)

// TestLeftoverOnDeadMachine checks that a leftover whose machine does not answer holds up neither
// the engine nor other leftovers, and that its end frees nothing else.
func TestLeftoverOnDeadMachine(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		name, _ := e.run()
		synctest.Wait()
		e.Close()
		left := func(execution string, deaf bool) *pod {
			id := runner.ID{Execution: "projects/demo/locations/us-east4/jobs/hello/executions/" + execution}
			p := &pod{Attempt: runner.NewAttempt(id), begins: time.Now(), deaf: deaf}
			c.set(func() { c.pods[id] = p })
			return p
		}
		dead, other := left("on-a-dead-machine", true), left("elsewhere", false)

		opened := time.Now()
		e.open(engine.Config{Runner: c, Grace: 10 * time.Second})
		if took := time.Since(opened); took > 15*time.Second {
			t.Errorf("Open() took %v, want at most the grace and 5s", took)
		}
		if !other.Ended() || dead.Ended() {
			t.Errorf("leftovers ended = %v elsewhere, %v on the dead machine, want only the one elsewhere", other.Ended(), dead.Ended())
		}
		c.set(func() { dead.deaf = false })
		dead.End(runner.Result{}, nil) // the machine is removed
		if got := standing(e.after(time.Second, name)); got != bothRun || c.live() != 2 {
			t.Errorf("in the end: %s with %d pods, want %s with 2", got, c.live(), bothRun)
		}
	})
}

// TestCloseLeavesLeftovers checks that a leftover that does not end does not hold up Close.
func TestCloseLeavesLeftovers(t *testing.T) {
	t.Parallel()
	c := newCluster()
	onCluster(t, c, func(e *faulty) {
		e.Close()
		id := runner.ID{Execution: "projects/demo/locations/us-east4/jobs/hello/executions/gone"}
		c.set(func() { c.pods[id] = &pod{Attempt: runner.NewAttempt(id), deaf: true} })
		e.open(engine.Config{Runner: c})
		closing := time.Now()
		e.Close()
		if took := time.Since(closing); took > 0 || c.live() != 1 {
			t.Errorf("Close() took %v and left %d pods, want no time and 1", took, c.live())
		}
		c.set(func() { c.pods[id].deaf = false })
		e.open(engine.Config{Runner: c})
		if c.live() != 0 {
			t.Errorf("the next engine left %d pods, want none", c.live())
		}
	})
}
