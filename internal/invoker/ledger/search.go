package ledger

import (
	"time"

	"github.com/runwith/runwith"
)

const (
	// ClockSkew is how much Cloud Run's clock and ours may differ.
	ClockSkew = 5 * time.Minute
	// Retained is how many executions of a job Cloud Run keeps.
	// See https://cloud.google.com/run/quotas.
	Retained = 1000
)

// List is what a complete list of a job's executions shows.
type List struct {
	Executions int
	Oldest     time.Time // when the oldest of them was created
	JobGone    bool      // the job does not exist
	JobUID     string    // of the job as it is now; empty: it is gone
}

// Past is what the store was when it was opened.
type Past struct {
	AsOf     time.Time // its latest event: until then certainly nothing waiting was started
	Restored bool      // it is a copy, and others may have gone on since it was made
	Call     time.Duration
}

// NotFound returns a record for which a complete list shows no execution: back in the
// queue if the list proves that nothing was started, and unresolved if it does not.
// The list began at the record's SearchFrom or later.
func NotFound(r Record, l List, p Past, now time.Time) Record {
	if reason := p.inconclusive(r, l); reason != "" {
		return r.Unresolved(runwith.Errorf(runwith.Unknown, "%s", reason),
			"cannot tell whether the job started (%s): check the executions of job %s for "+Marker+"=%s, and then run "+
				"`runwith invocations resolve %[3]s` with --retry or --leave", reason, r.Job, r.ID)
	}
	r = r.Returned(now)
	if l.JobUID != "" {
		r.JobUID = l.JobUID
	}
	return r
}

// inconclusive returns why the list proves nothing. It is empty if the list proves that
// nothing was started, or if a person has decided that already.
func (p Past) inconclusive(r Record, l List) string {
	switch {
	case r.JobUID == AnyJob, r.Waiting() && l.JobGone: // RunJob will refuse it
		return ""
	case l.JobGone:
		return "the job is gone, and its executions with it"
	case r.JobUID != l.JobUID && (!r.Waiting() || p.Restored && r.Checked):
		return "the job was deleted and created again, and its executions went with the first"
	case l.Executions >= Retained && l.Oldest.After(p.earliest(r).Add(-ClockSkew)):
		return "Cloud Run keeps the last 1,000 executions of a job, and all of them are newer"
	}
	return ""
}

// earliest returns the earliest creation time of an execution of the record that no
// list has ruled out.
func (p Past) earliest(r Record) time.Time {
	switch {
	case !r.Waiting(): // earlier calls were ruled out before the last one
		return Later(r.Due(), r.Lease.Add(-p.Call))
	case p.Restored:
		return r.Due()
	}
	return Later(r.Due(), p.AsOf)
}
