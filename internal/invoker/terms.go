package invoker

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// Terms are the conditions under which a request is accepted. They hold until the invocation's
// end, also if the configuration changes meanwhile.
type Terms struct {
	// Target is the Cloud Run job: an ID in the invoker's own project and region, or a full
	// resource name. Empty is the request's Job.
	Target string
	// Overrides are sent to Cloud Run.
	Overrides runwith.Overrides
	// Labels are those of the invocation: the request's, and others that the policy adds. Nil
	// means the request's alone.
	Labels map[string]string
	// Slot limits the active invocations with the same concurrency key.
	Slot ledger.Slot
	// Buckets are the rates at which requests are accepted. The transaction that accepts the
	// request spends one token of each.
	Buckets []ledger.RateLimit
	// Keep is how long the invocation is kept after its end. 0 is [Config.Keep].
	Keep time.Duration
	// KeyKeep is how long the key is kept after the acceptance; 0 is
	// [ledger.KeyAfterAcceptance].
	KeyKeep time.Duration
	// StartAt is the earliest start; zero is at once.
	StartAt time.Time
	// Subscribers are the endpoints that hear of it.
	Subscribers []ledger.Subscriber
	// Trace is a traceparent, which the job gets as TRACEPARENT; empty: none.
	Trace string
}

// Unrestricted returns the terms of a request to which no policy applies: the overrides are
// sent as they were asked for.
func Unrestricted(asked runwith.Request) Terms {
	return Terms{Overrides: asked.Overrides, Labels: asked.Labels, StartAt: asked.StartAt}
}

// Visibility selects the invocations that a caller may see.
type Visibility struct {
	// All: everything.
	All bool
	// Owner is the name of a caller, whose own invocations are visible. The anonymous caller's
	// is empty.
	Owner string
	// Jobs are the jobs whose invocations are all visible.
	Jobs []string
}

// stored returns the visibility as the store takes it.
func (v *Visibility) stored() *store.Visibility {
	if v == nil || v.All {
		return nil
	}
	return &store.Visibility{Owner: ledger.OwnerOf(v.Owner), Jobs: v.Jobs}
}
