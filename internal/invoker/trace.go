package invoker

import (
	"cmp"
	"context"
	"strconv"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/tracing"
)

// The spans of an invocation. They all belong to the trace of the request, which is stored
// with the row, so a restart does not end the trace.
const (
	acceptSpan    = "accept"    // a request, until it is on disk
	queueSpan     = "queue"     // from there until the job is started
	runSpan       = "RunJob"    // the call that starts the job
	executionSpan = "execution" // from its start to its end, by Cloud Run's clock
)

// traceOf returns the traceparent of a request: of the span that accepts it, or what its
// caller sent.
func traceOf(ctx context.Context, t Terms) string {
	return ledger.ValidTrace(cmp.Or(tracing.Traceparent(ctx), t.Trace))
}

// about are the attributes of a record's spans.
func about(r ledger.Record, more ...string) []string {
	return append([]string{"runwith.invocation", r.ID, "runwith.job", r.Job}, more...)
}

// queued makes the span of a record's time in the queue, which ends now.
func (d *dispatcher) queued(r ledger.Record) {
	d.config.Tracer.Record(r.Trace, tracing.Past{Name: queueSpan, From: r.Due(), To: d.now()}, about(r, "runwith.attempt", strconv.Itoa(r.Attempts))...)
}

// calling begins the span of the call that starts a record's job.
func (d *dispatcher) calling(ctx context.Context, r ledger.Record) (context.Context, tracing.Span) {
	return d.config.Tracer.Start(tracing.Continue(ctx, r.Trace), tracing.Client, runSpan, about(r, "runwith.attempt", strconv.Itoa(r.Attempts))...)
}

// ended makes the span of the execution of a record that has ended.
func (h *handover) ended(r ledger.Record) {
	if r.Execution == "" || r.Started.IsZero() || !r.State.Terminal() {
		return
	}
	var failure error
	if r.Error != nil {
		code, _ := runwith.ParseCode(r.Error.Code) // OK if it is unknown
		failure = runwith.Errorf(code, "%s", r.State)
	}
	h.tracer.Record(r.Trace, tracing.Past{Name: executionSpan, From: r.Started, To: r.Finished, Err: failure},
		about(r, "runwith.execution", r.Execution, "runwith.state", string(r.State))...)
}
