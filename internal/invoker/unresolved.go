package invoker

import (
	"github.com/runwith/runwith"
)

// look is what a person does about an invocation that is unresolved.
const look = "look for " + Marker + "=%s among the executions of job %s before you start it again"

// unknown is a record whose call had neither a clear yes nor a clear no.
func unknown(r record, cause error) record {
	return r.unresolved(cause, "Cloud Run did not say whether it started the job (%s): "+look, cause, r.ID, r.Job)
}

// interrupted is a record whose call an earlier process did not see the end of.
func interrupted(r record) record {
	cause := runwith.Errorf(runwith.Aborted, "runwith ended during the call")
	return r.unresolved(cause, "runwith ended while it asked Cloud Run to start the job, and it may have been started: "+look, r.ID, r.Job)
}

// gone is a record whose execution Cloud Run no longer knows.
func gone(r record, cause error) record {
	return r.unresolved(cause, "execution %s was started and is gone from Cloud Run, so how it ended cannot be known: look at its output, if that is left",
		r.Execution)
}

// unreadable refuses a record whose overrides are damaged: no call was made.
func unreadable(err error) error {
	return &runwith.Error{Code: runwith.FailedPrecondition, Err: err,
		Message: "the stored overrides cannot be read: start the job with a new invocation"}
}
