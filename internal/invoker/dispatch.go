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

const (
	// storeRetry is how long to wait before the database is asked again that
	// could not write (a full disk).
	storeRetry = time.Second
	// retryMin and retryMax bound the wait before a job is tried again that was
	// not started.
	retryMin, retryMax = time.Second, time.Minute
)

// dispatch starts what is due, until the invoker closes.
func (v *Invoker) dispatch() {
	for v.closing.Err() == nil {
		free := v.freeCalls()
		now := time.Now()
		taken, err := v.store.take(v.closing, now, now.Add(callTimeout), free)
		v.releaseCalls(free - len(taken))
		for _, r := range taken {
			v.work.Go(func() {
				defer v.releaseCalls(1)
				v.start(r)
			})
		}
		switch {
		case err != nil:
			v.storeFailed("dispatch", err)
			v.sleep(nil, now.Add(storeRetry))
		case len(taken) == 0 && free > 0:
			v.sleep(v.queued, v.nextDue(now))
		}
	}
}

// freeCalls waits until a job may be started and returns how many may. They are
// the caller's until it releases them. It returns 0 when the invoker closes.
func (v *Invoker) freeCalls() int {
	select {
	case v.calls <- struct{}{}:
	case <-v.closing.Done():
		return 0
	}
	for n := 1; ; n++ {
		select {
		case v.calls <- struct{}{}:
		default:
			return n
		}
	}
}

func (v *Invoker) releaseCalls(n int) {
	for range n {
		<-v.calls
	}
}

// nextDue returns when the queue is to be looked at again.
func (v *Invoker) nextDue(now time.Time) time.Time {
	due, found, err := v.store.nextDue(v.closing, now)
	switch {
	case err != nil:
		v.storeFailed("look at the queue", err)
		return now.Add(storeRetry)
	case !found:
		return now.Add(callTimeout) // when a lease that nobody gave back has ended
	}
	return due
}

// wakeDispatcher says that there may be something new in the queue.
func (v *Invoker) wakeDispatcher() {
	select {
	case v.queued <- struct{}{}:
	default:
	}
}

// sleep returns at the given time, when something comes from wake, or when the
// invoker closes.
func (v *Invoker) sleep(wake <-chan struct{}, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-v.closing.Done():
	}
}

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

func (v *Invoker) storeFailed(what string, err error, args ...any) {
	if v.closing.Err() == nil || !errors.Is(err, context.Canceled) {
		v.logger.Error("database: "+what, append(args, "error", err)...)
	}
}
