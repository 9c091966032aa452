package invoker

import (
	"cmp"
	"errors"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// claim gives an invocation the executions that carry its marker. The first becomes its
// own if it has none yet, and every other one is a twin.
func (w *watcher) claim(r ledger.Record, bearers []*runpb.Execution) {
	if len(bearers) == 0 {
		return
	}
	slices.SortFunc(bearers, firstCreated)
	own := r.Execution
	if own == "" && !r.Ended() {
		own = bearers[0].GetName()
		moved, err := w.store.Move(w.closing, ledger.Move{From: r, To: w.adopted(r, bearers[0])})
		if err != nil {
			w.unadopted(r, own, err)
			return
		}
		w.logger.Info("execution found", "invocation", r.ID, "execution", own)
		w.next.moved(r, moved)
	}
	for _, e := range bearers {
		if e.GetName() != own {
			w.twin(r, e.GetName())
		}
	}
}

// unadopted deals with an execution that an invocation cannot adopt. If it is another
// invocation's, a person decides: Cloud Run shows this one's marker in it.
func (w *watcher) unadopted(r ledger.Record, execution string, err error) {
	switch {
	case errors.Is(err, store.ErrStale): // the next round sees the transition that was faster
	case errors.Is(err, store.ErrTaken) && r.State != runwith.StateUnresolved:
		cause := runwith.Errorf(runwith.Internal, "the execution belongs to another invocation")
		if err := w.move(r, r.Unresolved(cause, "execution %s carries the marker of this invocation, and belongs to another one: "+
			"look at its output, and close the invocation with `runwith invocations resolve %s --leave`", execution, r.ID)); err != nil {
			w.storeFailed("close what cannot be adopted", err)
		}
	default:
		w.storeFailed("adopt", err, "invocation", r.ID, "execution", execution)
	}
}

// firstCreated orders executions by (create time, name).
func firstCreated(a, b *runpb.Execution) int {
	return cmp.Or(a.GetCreateTime().AsTime().Compare(b.GetCreateTime().AsTime()), cmp.Compare(a.GetName(), b.GetName()))
}

// notFound decides about the rows for which a complete list shows no execution.
func (w *watcher) notFound(r *round) {
	var missing []ledger.Record
	for _, row := range r.rows {
		// A call that is out has a lease that seems to have ended if the clock jumped.
		if !row.SearchFrom.IsZero() && !w.calls.isOut(row.ID) && len(r.bearers[row.ID]) == 0 && !r.began.Before(r.poller.counting(row)) {
			missing = append(missing, row)
		}
	}
	if len(missing) == 0 {
		return
	}
	uid, err := w.jobUID(r)
	if err != nil {
		return // the next round asks again
	}
	list := ledger.List{Executions: r.listed, Oldest: r.oldest, JobGone: r.jobGone, JobUID: uid}
	now := ledger.Stored(w.now())
	moves := make([]ledger.Move, len(missing))
	for i, row := range missing {
		moves[i] = ledger.Move{From: row, To: ledger.NotFound(row, list, w.past, now)}
	}
	w.moveMany("return to the queue", moves)
}

// jobUID reads the UID that the job has now. It is empty if the job is gone.
func (w *watcher) jobUID(r *round) (string, error) {
	if r.jobGone {
		return "", nil
	}
	r.poller.cost++
	job, err := w.readJob(w.closing, r.poller.job)
	if runwith.CodeOf(err) == runwith.NotFound {
		r.jobGone = true
		return "", nil
	}
	return job.GetUid(), err
}
