package engine

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/jobspec"
)

// TestCancelInTheCommitThatCreates cancels an execution that the scheduler does not know yet.
func TestCancelInTheCommitThatCreates(t *testing.T) {
	t.Parallel()
	for _, places := range []int{1, 0} { // with its first task claimed, and without
		k := keeping(t, 10)
		k.create("held", "sleep 1000")
		taken := k.scheduler.reserve(DefaultMaxTasks - places)
		var r run
		err := k.write(t.Context(), func(tx *storeTx) error {
			job, err := tx.job(jobspec.JobName{Location: tidyHome, Job: "held"})
			if err != nil {
				return err
			}
			if err := k.insertRun(tx, &r, runSpec{job: job}); err != nil {
				return err
			}
			return tx.stopExecution(r.created.id, stopCancel)
		})
		if err != nil {
			t.Fatal(err)
		}
		<-r.active.ended
		if got := r.active.version().state; got != cancelled {
			t.Errorf("with %d places: the execution is %s, want it cancelled", places, got)
		}
		eventually.True(t, "its places are free", func() bool {
			k.scheduler.mu.Lock()
			defer k.scheduler.mu.Unlock()
			return k.scheduler.free == places
		})
		k.scheduler.release(taken)
	}
}

// TestCancelledExecutionDoesNotFail cancels an execution without tasks after its turn has
// begun, and before its failure is stored.
func TestCancelledExecutionDoesNotFail(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("held", "sleep 1000")
	k.scheduler.reserve(DefaultMaxTasks) // so that it is pending
	x, _ := k.run("held")
	name, err := jobspec.ParseExecution(x.Name)
	if err != nil {
		t.Fatal(err)
	}
	err = k.write(t.Context(), func(tx *storeTx) error {
		row, err := tx.execution(name)
		if err != nil {
			return err
		}
		x := tx.edit(k.live.find(row.id))
		if err := x.dropTasks(); err != nil {
			return err
		}
		x.remember()
		if err := tx.stopExecution(row.id, stopCancel); err != nil {
			return err
		}
		if err := tx.edit(k.live.find(row.id)).failExecution("gone"); !errors.Is(err, errStale) {
			t.Errorf("failExecution() of a cancelled execution = %v, want errStale", err)
		}
		if row, err = tx.execution(name); err == nil && row.state != cancelled {
			t.Errorf("state = %s, want cancelled", row.state)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOpenEndsOrphans checks that Open ends leftovers of attempts that had ended before a
// crash. No running task refers to them, and their execution may be deleted.
func TestOpenEndsOrphans(t *testing.T) {
	t.Parallel()
	dir, world := t.TempDir(), newWorld(0)
	random := rand.New(rand.NewPCG(1, 1))
	world.start(runner.ID{Execution: "projects/demo/locations/here1/jobs/gone/executions/gone-abcde", Task: 3}, random, 1)
	logs := openLogs(t, dir)
	e, err := Open(t.Context(), Config{Dir: dir, Logs: logs, Runner: &life{
		world: world, random: random, places: 1, mine: map[runner.ID]*proc{}, died: make(chan struct{}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if left := world.ids(); len(left) > 0 {
		t.Errorf("leftovers after Open() = %v, want none without a running task", left)
	}
	if err := errors.Join(e.Close(), logs.Close()); err != nil {
		t.Error(err)
	}
}
