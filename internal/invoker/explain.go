package invoker

import (
	"context"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// explainTimeout is how long the end of a failed execution waits for its reason.
	explainTimeout = 2 * time.Second
	// maxUnexplained bounds how many failures wait to be explained later. Others keep Cloud
	// Run's own message.
	maxUnexplained = 1000
	// explainedAtOnce bounds how many failures of one list are explained at the same time.
	explainedAtOnce = 8
)

// explainer finds out why executions failed: it reads their tasks and the last lines of
// output. If a caller waits, or Cloud Run is Local, it does so before the end is on disk, so
// that callers see the failure and the reason together. Otherwise, and for lines that Cloud
// Logging shows late, it adds the reason afterwards.
type explainer struct {
	*base
	awaiting *awaiter
	logReads *gate

	mu   sync.Mutex
	late []unexplained // oldest first
	bell bell.Bell
}

type unexplained struct {
	id        string
	execution *runpb.Execution // as far as an explanation needs it
	due       time.Time
}

func newExplainer(b *base, awaiting *awaiter, logReads *gate) *explainer {
	return &explainer{base: b, awaiting: awaiting, logReads: logReads, bell: bell.New()}
}

// status reads an execution of a running record. If the execution failed, the status has
// the reason, as far as there is time to find it.
func (x *explainer) status(row ledger.Record, e *runpb.Execution) ledger.Status {
	s := cloudrun.StatusOf(e)
	if s.State != runwith.StateFailed || e.GetFailedCount() == 0 {
		return s
	}
	if x.config.Local || x.awaiting.expected(row.ID) {
		ctx, cancel := context.WithTimeout(x.closing, explainTimeout)
		defer cancel()
		s.Error = x.explain(ctx, row.ID, e, urgent)
	}
	return s
}

// explain returns the reason of a failure as far as it can be read.
func (x *explainer) explain(ctx context.Context, id string, e *runpb.Execution, u urgency) *runwith.Failure {
	failure, err := cloudrun.Explain(ctx, evidence{x, u}, e)
	if err != nil {
		x.logger.DebugContext(ctx, "failure cannot be explained in full", "invocation", id, "execution", e.GetName(),
			"code", runwith.CodeOf(err), "error", err)
	}
	return failure
}

// statuses is status for several records, by the index of each.
func (x *explainer) statuses(rows []ledger.Record, executions []*runpb.Execution) []ledger.Status {
	all := make([]ledger.Status, len(rows))
	slots := make(chan struct{}, explainedAtOnce)
	var work sync.WaitGroup
	for i := range rows {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			all[i] = x.status(rows[i], executions[i])
		})
	}
	work.Wait()
	return all
}

// told schedules another explanation of a failure that callers see without the full
// reason.
func (x *explainer) told(row ledger.Record, e *runpb.Execution) {
	if row.State != runwith.StateFailed || e.GetFailedCount() == 0 {
		return
	}
	if row.Error != nil && len(row.Error.Tasks) > 0 && (x.config.LogDelay == 0 || row.Error.Stderr != nil) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.late) < maxUnexplained {
		small := &runpb.Execution{Name: e.GetName(), Conditions: e.GetConditions(), TaskCount: e.GetTaskCount(), FailedCount: e.GetFailedCount()}
		x.late = append(x.late, unexplained{row.ID, small, machineNow().Add(x.config.LogDelay)})
	}
	x.bell.Ring()
}

// run explains the scheduled failures, one after the other.
func (x *explainer) run() {
	for x.closing.Err() == nil {
		next := x.oldest()
		if next.execution == nil {
			select {
			case <-x.bell:
			case <-x.closing.Done():
			}
			continue
		}
		x.sleep(remaining(next.due))
		x.add(next)
	}
}

// oldest takes the oldest failure, or none.
func (x *explainer) oldest() (u unexplained) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.late) > 0 {
		u, x.late = x.late[0], x.late[1:]
	}
	return u
}

// add adds the reason to a failure that is already on disk.
func (x *explainer) add(u unexplained) {
	ctx, cancel := context.WithTimeout(x.closing, logTimeout)
	defer cancel()
	failure := x.explain(ctx, u.id, u.execution, ordinary)
	if len(failure.Tasks) == 0 || x.closing.Err() != nil {
		return
	}
	if err := x.store.Explain(x.closing, u.id, *failure); err != nil {
		x.storeFailed("explain a failure", err, "invocation", u.id)
	}
}

// evidence reads from Cloud Run within the quotas.
type evidence struct {
	*explainer
	urgency urgency
}

// TaskPage implements [cloudrun.Evidence].
func (e evidence) TaskPage(ctx context.Context, execution, token string) (page []*runpb.Task, next string, err error) {
	return e.taskPage(ctx, execution, token, e.urgency)
}

// taskPage reads a page of the tasks of an execution.
func (b *base) taskPage(ctx context.Context, execution, token string, u urgency) (page []*runpb.Task, next string, err error) {
	err = b.read(ctx, &b.reads, u, func(ctx context.Context) (err error) {
		page, next, err = b.cloud.TaskPage(ctx, execution, token)
		return err
	})
	return page, next, err
}

// Stderr implements [cloudrun.Evidence].
func (e evidence) Stderr(ctx context.Context, execution string, task, attempt int) (lines []string, err error) {
	if err := e.pass(ctx, e.logReads, e.urgency); err != nil {
		return nil, err
	}
	lines, err = e.cloud.Stderr(ctx, execution, task, attempt)
	e.logReads.told(err)
	return lines, err
}
