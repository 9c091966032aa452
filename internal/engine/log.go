package engine

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/microtime"
	"github.com/runwith/runwith/internal/sqlite"
)

// LogSelection selects executions by IDs. Projects is required. Of the other lists, nil
// selects all and an empty one selects none.
type LogSelection struct {
	Projects, Regions, Jobs, Executions []string
	// From and To leave out executions that can have no line between them. The zero
	// time is no limit.
	From, To time.Time
}

// LogSource is an execution with a log. All its lines are from between its times.
type LogSource struct {
	ID      int64
	Created time.Time
	Ended   time.Time // zero until it has ended
}

// clockStep is the largest step of this machine's clock during an execution that does
// not hide its lines: after a step, lines are not quite between the execution's times.
const clockStep = time.Hour

// LogSources returns the executions of a selection, in no order.
func (e *Engine) LogSources(ctx context.Context, s LogSelection) (all []LogSource, err error) {
	err = e.read(ctx, func(tx *storeTx) error {
		all, err = tx.logSources(s)
		return err
	})
	return all, err
}

// errSettled undoes a write that changes nothing.
var errSettled = errors.New("settled")

// SettleLogs waits until no line can appear any more that is older than the present, and
// returns that moment. A platform's line has the time at which an attempt's end was
// written, and appears when that is on disk; the writer keeps the order.
func (e *Engine) SettleLogs(ctx context.Context) (time.Time, error) {
	now := later(microtime.Of(time.Now()), e.logs.Latest())
	_ = e.write(ctx, func(*storeTx) error { return errSettled }) // a writer that fails writes no end
	return now, ctx.Err()
}

// OpenLog returns a reader of an execution's log, and the execution's name. The log is
// the output of the tasks and, derived from the ends of their attempts, the platform's
// lines. It is NOT_FOUND if the execution was deleted.
func (e *Engine) OpenLog(ctx context.Context, id int64, q tasklog.Query) (name jobspec.ExecutionName, r *tasklog.Reader, err error) {
	var (
		row       *executionRow
		platforms []tasklog.Entry
	)
	// The ends are read before the output, so that no end is shown without the output
	// before it.
	err = e.read(ctx, func(tx *storeTx) error {
		if row, err = tx.executionByID(id); err == nil && q.Has(tasklog.System) {
			platforms, err = tx.platformEntries(row, q)
		}
		return err
	})
	if errors.Is(err, sqlite.ErrNoRows) || err == nil && !row.deleted.IsZero() {
		return name, nil, runwith.Errorf(runwith.NotFound, "execution is deleted")
	}
	if err != nil {
		return name, nil, err
	}
	name, err = jobspec.ParseExecution(row.message.Name)
	return name, e.logs.Reader(row.message.Uid, q).With(platforms), err
}

// WatchLogs watches the logs of all executions. The labels of its spans are the
// executions' resource names. The caller closes the watch.
func (e *Engine) WatchLogs() *tasklog.Watch { return e.logs.Watch() }

// ReadSpan returns a reader of one span of a watch.
func (e *Engine) ReadSpan(span tasklog.Span, q tasklog.Query) *tasklog.Reader {
	q.After, q.Before = span.From, span.To+1
	return e.logs.Reader(span.Execution, q).With(span.Derived)
}

// tellEnd passes the platform's lines about an attempt, whose end is on disk, to those
// who watch logs.
func (e *Engine) tellEnd(a *active, end attemptEnd) {
	if e.logs.Watched() {
		e.logs.Tell(tasklog.Span{Execution: a.execution.Uid, Label: a.execution.Name, Derived: end.entries(a.execution.Template)})
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
