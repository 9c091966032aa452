package invoker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

const (
	// clockSkew is by how much Cloud Run's clock and ours may differ.
	clockSkew = 5 * time.Minute
	// retained is how many executions of a job Cloud Run keeps.
	// See https://cloud.google.com/run/quotas.
	retained = 1000
)

// claim gives an invocation the executions that carry its mark: the first becomes
// its own, if it has none yet, and any other is a twin.
func (v *Invoker) claim(r Record, bearers []*runpb.Execution) {
	if len(bearers) == 0 {
		return
	}
	slices.SortFunc(bearers, firstCreated)
	own := r.Execution
	if own == "" && !r.ended() {
		own = bearers[0].GetName()
		moved, err := v.store.Move(v.closing, r, r.adopted(own, cloudrun.StatusOf(bearers[0])))
		if err != nil {
			if !errors.Is(err, ErrStale) { // somebody else's transition: the next round sees it
				v.storeFailed("adopt", err, "invocation", r.ID, "execution", own)
			}
			return
		}
		v.logger.Info("execution found", "invocation", r.ID, "execution", own)
		v.follow(r, moved)
	}
	for _, e := range bearers {
		if e.GetName() != own {
			v.twin(r, e.GetName())
		}
	}
}

// firstCreated orders executions by (create time, name).
func firstCreated(a, b *runpb.Execution) int {
	return cmp.Or(a.GetCreateTime().AsTime().Compare(b.GetCreateTime().AsTime()), cmp.Compare(a.GetName(), b.GetName()))
}

// twin has an execution cancelled that was started beside an invocation's own.
func (v *Invoker) twin(r Record, execution string) {
	added, err := v.store.AddTwin(context.Background(), Twin{Execution: execution, Invocation: r.ID, Found: stored(time.Now())})
	if err != nil {
		v.storeFailed("count a twin", err, "invocation", r.ID, "execution", execution)
	}
	if added {
		v.logger.Warn("an invocation was started twice, and its second execution is cancelled: Cloud Run took longer to show the first than --settle",
			"invocation", r.ID, "execution", r.Execution, "twin", execution)
		wake(v.cancelling)
	}
}

// notFound decides about those that a whole list does not have.
func (v *Invoker) notFound(r *round) {
	var missing []Record
	for _, row := range r.rows {
		_, calling := v.calling.Load(row.ID) // its lease seems to have ended: the clock has jumped
		if !row.SearchFrom.IsZero() && !calling && len(r.bearers[row.ID]) == 0 && !r.began.Before(r.poller.counting(row)) {
			missing = append(missing, row)
		}
	}
	if len(missing) == 0 {
		return
	}
	uid, err := v.jobUID(r)
	if err != nil {
		return // the next round asks again
	}
	var back []Record
	for _, row := range missing {
		if reason := v.inconclusive(r, row, uid); reason != "" {
			v.move(row, notKnown(row, reason))
			continue
		}
		back = append(back, row)
	}
	now := stored(time.Now())
	for chunk := range slices.Chunk(back, movedAtOnce) {
		moved, err := v.store.MoveEach(v.closing, chunk, func(row Record) Record { return row.returned(now).of(uid) })
		if err != nil {
			v.storeFailed("return to the queue", err)
		}
		for _, row := range moved {
			v.logger.Debug("execution not found, nothing was started", "invocation", row.ID, "state", row.State)
		}
	}
	wake(v.queued)
	wake(v.unchecked)
}

// jobUID reads which job it is now; "" where it is gone.
func (v *Invoker) jobUID(r *round) (string, error) {
	if r.jobGone {
		return "", nil
	}
	r.poller.cost++
	job, err := v.readJob(v.closing, r.poller.job)
	if runwith.CodeOf(err) == runwith.NotFound {
		r.jobGone = true
		return "", nil
	}
	return job.GetUid(), err
}

// past is what the store was when it was opened.
type past struct {
	asOf     time.Time // the latest that it told of
	restored bool      // it is a copy: the world has gone on since then
}

// since returns from when on an execution of the record may have been created that
// no list has ruled out.
func (v *Invoker) since(r Record) time.Time {
	switch {
	case !r.waiting(): // its earlier calls were ruled out before it was called again
		return later(r.Created, r.Lease.Add(-v.config.CallTimeout))
	case v.past.restored:
		return r.Created
	}
	return later(r.Created, v.past.asOf)
}

// inconclusive says why it proves nothing that the list does not have the record;
// empty where it does prove that nothing was started, and where a person has
// decided that already.
func (v *Invoker) inconclusive(r *round, row Record, uid string) string {
	switch {
	case row.JobUID == anyJob, row.waiting() && r.jobGone: // RunJob will say so
		return ""
	case r.jobGone:
		return "the job is gone, and its executions with it"
	case row.JobUID != uid && (!row.waiting() || v.past.restored && row.Checked):
		return "the job was deleted and created again, and its executions went with the first"
	case r.listed >= retained && r.oldest.After(v.since(row).Add(-clockSkew)):
		return "Cloud Run keeps the last 1,000 executions of a job, and all of them are newer"
	}
	return ""
}

// notKnown is a record that a person decides about.
func notKnown(r Record, reason string) Record {
	return r.unresolved(runwith.Errorf(runwith.Unknown, "%s", reason), "it cannot be known whether the job was started (%s): look for "+Marker+"=%s in what ran of job %s, and then "+
		"`runwith invocations resolve %[2]s` with --retry or --leave", reason, r.ID, r.Job)
}
