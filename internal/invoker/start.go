package invoker

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cloudrun"
	"github.com/runwith/runwith/internal/sqlite"
)

// start brings a record that was taken from the queue to its next state.
func (v *Invoker) start(r record) {
	if r.State == runwith.StateAccepted {
		checked, err := v.prepare(r)
		if err != nil {
			v.record(r, v.after(r, nil, err))
			return
		}
		if r, err = v.store.move(context.Background(), r, checked); err != nil {
			v.storeFailed("start", err, "invocation", checked.ID) // the lease ends, and it is taken again
			return
		}
	}
	execution, err := v.call(r)
	v.record(r, v.after(r, execution, err))
}

// prepare holds a record against its job that could not be read when it was
// accepted. The error is one that starting the job would have met.
func (v *Invoker) prepare(r record) (record, error) {
	job, err := v.readJob(v.closing, r.Job)
	if err != nil {
		if cloudrun.OutcomeOf(err) == cloudrun.Unknown {
			err = errors.Join(cloudrun.ErrNotSent, err) // of a read, nothing is started
		}
		return record{}, err
	}
	overrides := &runpb.RunJobRequest_Overrides{}
	if err := proto.Unmarshal(r.overrides, overrides); err != nil {
		return record{}, unreadable(err)
	}
	encoded, err := fit(r.Job, job.GetTemplate(), overrides, r.ID)
	if err != nil {
		return record{}, err
	}
	return r.starting(encoded, time.Now().Add(callTimeout)), nil
}

// call asks Cloud Run to start the job of a record that is starting on disk. It
// is the only place that does.
func (v *Invoker) call(r record) (*runpb.Execution, error) {
	overrides := &runpb.RunJobRequest_Overrides{}
	if err := proto.Unmarshal(r.overrides, overrides); err != nil {
		return nil, unreadable(err)
	}
	ctx, cancel := context.WithDeadline(context.Background(), r.lease)
	defer cancel()
	return v.cloud.Run(ctx, r.Job, overrides)
}

// after returns the record as the outcome of its call makes it.
func (v *Invoker) after(r record, execution *runpb.Execution, err error) record {
	now := time.Now()
	outcome := cloudrun.OutcomeOf(err)
	if outcome != cloudrun.Started {
		v.logger.Warn("job was not started", "invocation", r.ID, "job", r.Job, "attempt", r.Attempts, "outcome", outcome,
			"code", runwith.CodeOf(err), "error", err, "cause", errors.Unwrap(err))
	}
	switch outcome {
	case cloudrun.Started:
		return r.adopted(execution.GetName(), cloudrun.StatusOf(execution))
	case cloudrun.NotStarted:
		return r.accepted(now.Add(backoff(r.postponed)))
	case cloudrun.Refused:
		return r.refused(err, now)
	}
	return unknown(r, err)
}

// record writes an answer down, and goes on trying until it is on disk or the
// invoker closes: until then the row says starting, which is the truth.
func (v *Invoker) record(from, to record) {
	for {
		_, err := v.store.move(context.Background(), from, to)
		switch {
		case err == nil:
			v.recorded(to)
			return
		case sqlite.Conflict(err):
			to = unknown(from, runwith.Errorf(runwith.Internal, "execution %s belongs to another invocation", to.Execution))
			continue
		case errors.Is(err, errStale):
			v.storeFailed("record", err, "invocation", from.ID, "state", to.State)
			return
		}
		v.storeFailed("record", err, "invocation", from.ID, "state", to.State)
		if v.closing.Err() != nil {
			return
		}
		v.sleep(nil, time.Now().Add(storeRetry))
	}
}

// recorded hands a record to whose turn is next.
func (v *Invoker) recorded(r record) {
	switch r.State {
	case runwith.StateRunning:
		v.watched.add(r.ID, r.Execution)
	case runwith.StateAccepted:
		v.wakeDispatcher()
	}
}
