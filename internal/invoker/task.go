package invoker

import (
	"cmp"
	"context"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Tasks returns the tasks of an invocation's execution, by index; none until the execution is
// known. The error is NOT_FOUND if there is no such invocation, or if Cloud Run has removed the
// execution.
func (v *Invoker) Tasks(ctx context.Context, id string) ([]runwith.Task, error) {
	r, err := v.store.Find(ctx, id)
	if err != nil || r.Execution == "" {
		return []runwith.Task{}, err
	}
	tasks := []runwith.Task{}
	for token := ""; ; {
		page, next, err := v.taskPage(ctx, r.Execution, token, urgent)
		if runwith.CodeOf(err) == runwith.NotFound {
			return nil, executionGone(r)
		}
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			tasks = append(tasks, cloudrun.TaskOf(t))
		}
		if token = next; token == "" {
			break
		}
	}
	slices.SortFunc(tasks, func(a, b runwith.Task) int { return cmp.Compare(a.Index, b.Index) })
	if !r.Finished.IsZero() && slices.ContainsFunc(tasks, func(t runwith.Task) bool { return t.Started.After(r.Finished.Add(ledger.ClockSkew)) }) {
		return nil, executionGone(r) // another one has its name now
	}
	return tasks, nil
}

// executionGone returns the error for an execution that Cloud Run does not have any more.
func executionGone(r ledger.Record) error {
	return runwith.Errorf(runwith.NotFound, "execution %s is gone from Cloud Run, and its tasks with it", r.Execution)
}
