package engine

import (
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/jobspec"
)

// These tests cover writes that share a commit: the first is not on disk yet when the next one
// sees it. One transaction stands for such writes, because it calls the same functions in the
// same order at its end.

var (
	errUndone = errors.New("undone")
	quick     = jobspec.JobName{Location: tidyHome, Job: "quick"}
)

// runIn starts an execution within a transaction.
func (k *kept) runIn(tx *storeTx, r *run) error {
	job, err := tx.bareJob(quick)
	if err != nil {
		return err
	}
	return k.insertRun(tx, r, runSpec{job: job})
}

func (k *kept) deleteIn(tx *storeTx) error {
	job, err := tx.job(quick)
	if err != nil {
		return err
	}
	return tx.deleteJob(job.id, job.message, time.Now())
}

func (k *kept) wantNoExecution(name string) {
	k.t.Helper()
	x, err := k.Execution(k.t.Context(), &runpb.GetExecutionRequest{Name: name})
	if runwith.CodeOf(err) != runwith.NotFound {
		k.t.Errorf("Execution() = %v, %v, want NOT_FOUND", x, err)
	}
}

func TestExecutionIsDeletedInTheCommitThatCreatesIt(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("quick", "true")
	var r run
	err := k.write(t.Context(), func(tx *storeTx) error { return errors.Join(k.runIn(tx, &r), k.deleteIn(tx)) })
	if err != nil {
		t.Fatal(err)
	}
	k.wantNoExecution(r.created.executionRow.message.Name)
	<-r.active.ended
	k.wantNoExecution(r.created.executionRow.message.Name)
	if err := k.write(t.Context(), func(*storeTx) error { return nil }); err != nil { // the commit before is over
		t.Fatal(err)
	}
	if k.live.find(r.created.id) != nil {
		t.Error("the deleted execution is still in memory after its end")
	}
}

func TestUndoneDeletionShowsNoExecutionThatIsNotOnDisk(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("quick", "true")
	var r run
	err := k.write(t.Context(), func(tx *storeTx) error {
		if err := k.runIn(tx, &r); err != nil {
			return err
		}
		tx.OnEnd(func(bool) { // after the deletion is undone, before the creation is
			if k.live.named(r.created.executionRow.message.Name) != nil {
				t.Error("clients see the execution, which is not on disk")
			}
		})
		return errors.Join(k.deleteIn(tx), errUndone)
	})
	if !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
	k.wantNoExecution(r.created.executionRow.message.Name)
}

// TestReadBetweenCommitAndMemory reads an execution that is on disk before memory follows.
func TestReadBetweenCommitAndMemory(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("quick", "true")
	var r run
	err := k.write(t.Context(), func(tx *storeTx) error {
		tx.OnEnd(func(bool) {
			row := &taskRow{execution: r.created.executionRow}
			if got := k.currentTask(row); got != row {
				t.Errorf("currentTask() = %v, want the task as it was read", got)
			}
			key := listKey{job: "another", limit: 1} // the list of this one is changing
			k.lists.keep(key, []listed{{active: r.active}}, k.lists.forgets)
			if _, _, ok := k.lists.page(key); ok {
				t.Error("a page with an execution that memory cannot show yet is cached")
			}
		})
		return k.runIn(tx, &r)
	})
	if err != nil {
		t.Fatal(err)
	}
	<-r.active.ended
}

func TestUndoneTidyingForgetsNoExecution(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("quick", "true")
	for range 2 {
		_, operation := k.run("quick")
		k.wait(operation)
	}
	recent := func() int {
		k.live.mu.Lock()
		defer k.live.mu.Unlock()
		return len(k.live.recent)
	}
	eventually.True(t, "memory has two executions that have ended", func() bool { return recent() == 2 })
	err := k.write(t.Context(), func(tx *storeTx) error {
		old, err := tx.old(1, tidyBatch)
		return errors.Join(err, tx.hide(old, time.Now()), errUndone)
	})
	if !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
	if got := recent(); got != 2 {
		t.Errorf("after an undone tidying memory has %d executions, want 2", got)
	}
}

func TestUndoneCreationLeavesNoJob(t *testing.T) {
	t.Parallel()
	k := keeping(t, 10)
	k.create("other", "true")
	job, err := k.Job(t.Context(), &runpb.GetJobRequest{Name: jobspec.JobName{Location: tidyHome, Job: "other"}.String()})
	if err != nil {
		t.Fatal(err)
	}
	err = k.write(t.Context(), func(tx *storeTx) error {
		message, err := k.prepareJob(quick, job)
		if err != nil {
			return err
		}
		_, err = tx.createJob(quick, message)
		return errors.Join(err, k.runIn(tx, &run{}), errUndone)
	})
	if !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
	if _, err := k.RunJob(t.Context(), &runpb.RunJobRequest{Name: quick.String()}); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("RunJob() of a job whose creation was undone = %v, want NOT_FOUND", err)
	}
}
