package invoker

import (
	"context"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/tracing"
)

// MaxBatch is how many requests [Invoker.InvokeEach] takes.
const MaxBatch = 1000

// Started is the answer to one request of a batch.
type Started struct {
	Invocation runwith.Invocation
	Replayed   bool
	Err        error // nil, or an error of [Invoker.Invoke]: then nothing was accepted for it
}

// InvokeEach accepts several requests to start a job, each as [Invoker.Invoke] does, and returns
// their answers in order. All that can be accepted are in one commit. Of two requests with the
// same key, the second repeats the first. If InvokeEach itself returns an error, nothing was
// accepted.
func (v *Invoker) InvokeEach(ctx context.Context, job string, requests []Request) (_ []Started, err error) {
	ctx, span := v.config.Tracer.Start(ctx, tracing.Internal, acceptSpan, "runwith.job", job)
	defer func() { span.End(err) }()
	if len(requests) > MaxBatch {
		return nil, invalid("items", "a batch has at most %d, this one has %d: send several batches", MaxBatch, len(requests))
	}
	if v.config.Ephemeral {
		return nil, runwith.Errorf(runwith.FailedPrecondition, "this server takes no batches, because it keeps nothing that waits (--store=ephemeral): "+
			"start each job with its own request")
	}
	answers, err := v.accepting.invokeEach(ctx, job, requests)
	if err != nil {
		return nil, err
	}
	started := make([]Started, len(answers))
	for i, a := range answers {
		if started[i] = (Started{Replayed: a.Replayed, Err: a.Err}); a.Err == nil {
			started[i].Invocation = v.listed(a.Record)
		}
	}
	return started, nil
}

// invokeEach validates the requests, and accepts the valid ones.
func (a *accepter) invokeEach(ctx context.Context, job string, requests []Request) ([]store.AcceptedOrError, error) {
	answers := make([]store.AcceptedOrError, len(requests))
	var (
		valid []store.Newcomer
		of    []int // the request of each
		read  = a.readOnce()
	)
	for i, q := range requests {
		q.Job = job
		r, before, err := a.prepare(ctx, q, read)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case before != nil || err != nil:
			answers[i].Replayed, answers[i].Err = before != nil, err
			if before != nil {
				answers[i].Record = *before
				a.counters.replay(*before, true)
			}
		default:
			valid, of = append(valid, store.Newcomer{Record: r, Admission: a.admissionOf(r, q.Terms)}), append(of, i)
		}
	}
	accepted, err := a.acceptEach(ctx, valid)
	for n, one := range accepted {
		answers[of[n]] = one
	}
	return answers, err
}

// prepare returns the record of a request that can be accepted. If it cannot, it may repeat an
// earlier request; then that one's record is the answer.
func (a *accepter) prepare(ctx context.Context, q Request, read jobReader) (r ledger.Record, before *ledger.Record, err error) {
	if r, err = a.newRecord(ctx, q); err != nil {
		return r, nil, err
	}
	if err := a.keyKnown(r); err != nil {
		return r, nil, err
	}
	refusal := a.fit(ctx, &r, q.Terms.Overrides, read)
	if refusal == nil {
		return r, nil, nil
	}
	earlier, found, err := a.repeat(ctx, r)
	switch {
	case err != nil:
		return r, nil, err
	case found:
		return r, &earlier, nil
	}
	return r, nil, refusal
}

// acceptEach puts records on disk in one commit, and hands them on.
func (a *accepter) acceptEach(ctx context.Context, valid []store.Newcomer) ([]store.AcceptedOrError, error) {
	if len(valid) == 0 {
		return nil, nil
	}
	a.dispatching.burst.enter()
	accepted, err := a.store.AcceptEach(ctx, valid)
	a.dispatching.burst.leave()
	for _, one := range accepted {
		if one.Err == nil {
			a.next.accepted(one.Accepted)
		}
	}
	return accepted, err
}

// readOnce returns a reader that reads the job of each target once, also if it cannot be read.
func (a *accepter) readOnce() jobReader {
	type result struct {
		job *runpb.Job
		err error
	}
	results := map[string]result{}
	return func(ctx context.Context, target string) (*runpb.Job, error) {
		r, known := results[target]
		if !known {
			r.job, r.err = a.jobs.job(ctx, target)
			results[target] = r
		}
		return r.job, r.err
	}
}
