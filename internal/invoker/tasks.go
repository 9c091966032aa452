package invoker

import (
	"cmp"
	"context"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// Tasks returns the tasks of an invocation's execution in the order of their indexes, as they
// were a moment ago. An invocation without an execution has none. It returns
// FAILED_PRECONDITION if Cloud Run no longer has the execution.
func (v *Invoker) Tasks(ctx context.Context, id string) ([]runwith.Task, error) {
	r, err := v.store.Find(ctx, id)
	if err != nil || r.Execution == "" {
		return nil, err
	}
	return v.tasks.of(ctx, r)
}

// readTasks reads all tasks of a record's execution.
func (b *base) readTasks(ctx context.Context, r ledger.Record) ([]runwith.Task, error) {
	var all []runwith.Task
	var list taskList
	for token := ""; ; {
		page, next, err := b.taskPage(ctx, r.Execution, token, urgent)
		if err == nil {
			err = list.add(page, next)
		}
		if err == nil && token == "" {
			err = b.checkOwner(ctx, r, page)
		}
		if err != nil {
			return nil, explainGone(r, err)
		}
		for _, t := range page {
			all = append(all, cloudrun.TaskOf(t))
		}
		if token = next; token == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b runwith.Task) int { return cmp.Compare(a.Index, b.Index) })
	return all, nil
}

// taskList checks that the list of an execution's tasks ends.
type taskList struct {
	cloudrun.Pages
	tasks int
}

// add takes in a page. It fails if there are more tasks than an execution can have.
func (l *taskList) add(page []*runpb.Task, next string) error {
	if l.tasks += len(page); l.tasks > jobspec.MaxTasks {
		return runwith.Errorf(runwith.Internal, "the server lists more than %d tasks of an execution: %s", jobspec.MaxTasks, cloudrun.LookAtServer)
	}
	return l.Next(next)
}

// checkOwner returns NOT_FOUND if the tasks are those of another execution with the same name.
// A task has no UID of its execution, but it has the marker in its variables.
func (b *base) checkOwner(ctx context.Context, r ledger.Record, page []*runpb.Task) error {
	id := ""
	if len(page) > 0 {
		id = environmentOf(page[0].GetContainers(), ledger.Marker)
	}
	switch id {
	case r.ID:
		return nil
	case "":
	default:
		return anotherOne(r)
	}
	e, err := b.readExecution(ctx, r.Execution)
	if err == nil && !owns(r, e) {
		err = anotherOne(r)
	}
	return err
}

// readExecution reads an execution for a caller who waits.
func (b *base) readExecution(ctx context.Context, name string) (e *runpb.Execution, err error) {
	err = b.read(ctx, &b.reads, urgent, func(ctx context.Context) (err error) {
		e, err = b.cloud.Execution(ctx, name)
		return err
	})
	return e, err
}

func anotherOne(r ledger.Record) error {
	return runwith.Errorf(runwith.NotFound, "execution %s was deleted, and another one has its name", r.Execution)
}

// explainGone tells an execution that was deleted from an invocation that does not exist.
func explainGone(r ledger.Record, err error) error {
	if runwith.CodeOf(err) != runwith.NotFound {
		return err
	}
	return &runwith.Error{
		Code: runwith.FailedPrecondition, Err: err,
		Message: "execution " + r.Execution + " was deleted, so Cloud Run no longer has its tasks",
	}
}
