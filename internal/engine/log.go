package engine

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// LogSelection says of which executions the output is wanted, by IDs. Projects are
// required; of the others a nil list asks for any, an empty one for none.
type LogSelection struct {
	Projects, Regions, Jobs, Executions []string
	// From and To leave out executions that wrote nothing between them. The zero time
	// is no limit.
	From, To time.Time
}

// LogSource is an execution whose output is kept, with the times between which all
// of it was written.
type LogSource struct {
	ID      int64
	Created time.Time
	Ended   time.Time // zero while it goes on
}

// clockStep is by how much this machine's clock may have been set while executions
// ran, so that what they printed is not quite between their own times.
const clockStep = time.Hour

// LogSources returns the executions of a selection, in no order.
func (e *Engine) LogSources(ctx context.Context, s LogSelection) (all []LogSource, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		all, err = tx.logSources(s)
		return err
	})
	return all, err
}

// OpenLog returns a reader of an execution's output, and the execution's name. It is
// NOT_FOUND where the execution was deleted.
func (e *Engine) OpenLog(ctx context.Context, id int64, q tasklog.Query) (name jobspec.ExecutionName, r *tasklog.Reader, err error) {
	var row *executionRow
	err = e.read(ctx, func(tx *storeTx) error {
		row, err = tx.executionByID(id)
		return err
	})
	if errors.Is(err, sqlite.ErrNoRows) || err == nil && !row.deleted.IsZero() {
		return name, nil, runwith.Errorf(runwith.NotFound, "execution is deleted")
	}
	if err != nil {
		return name, nil, err
	}
	name, err = jobspec.ParseExecution(row.message.Name)
	return name, e.logOf(row, q), err
}

// logOf returns a reader of an execution's output.
func (e *Engine) logOf(row *executionRow, q tasklog.Query) *tasklog.Reader {
	r := e.logs.Reader(row.message.Uid, q)
	if line, ok := row.saying(); ok {
		return r.Else(line)
	}
	return r
}

// Log yields what an execution's tasks have printed, and what was said of them, in
// order.
func (e *Engine) Log(ctx context.Context, name jobspec.ExecutionName, q tasklog.Query) iter.Seq2[tasklog.Entry, error] {
	return func(yield func(tasklog.Entry, error) bool) {
		var row *executionRow
		err := e.read(ctx, func(tx *storeTx) (err error) {
			row, err = tx.execution(name)
			return err
		})
		if err != nil {
			yield(tasklog.Entry{}, err)
			return
		}
		e.logOf(row, q).All(ctx)(yield)
	}
}

// WatchLogs tells what is written of all executions, whose resource names are the
// labels of its spans. The caller closes the watch.
func (e *Engine) WatchLogs() *tasklog.Watch { return e.logs.Watch() }

// ReadSpan returns a reader of what a watch has told of, and of nothing else.
func (e *Engine) ReadSpan(span tasklog.Span, q tasklog.Query) *tasklog.Reader {
	q.After, q.Before = span.From, span.To+1
	return e.logs.Reader(span.Execution, q)
}
