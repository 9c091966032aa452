package invoker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// unreachableAfter is how long Cloud Run may fail to answer before [Invoker.Ready] reports it.
const unreachableAfter = 10 * time.Second

// reach notes whether Cloud Run answers. The zero value has not asked it yet.
type reach struct {
	mu    sync.Mutex
	since time.Time // since when it has not answered; zero: it answers
	last  error
}

// told notes how a call ended. Any error that Cloud Run itself gave is an answer.
func (r *reach) told(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	silent := errors.Is(err, cloudrun.ErrNotSent)
	switch runwith.CodeOf(err) {
	case runwith.Unavailable, runwith.DeadlineExceeded, runwith.Unauthenticated:
		silent = true
	}
	switch {
	case !silent:
		r.since, r.last = time.Time{}, nil
	case r.since.IsZero():
		r.since, r.last = machineNow(), err
	default:
		r.last = err
	}
}

func (r *reach) silent() (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() {
		return 0, nil
	}
	return elapsed(r.since), r.last
}

// Ready returns nil if the invoker serves requests. It returns UNAVAILABLE with the reason
// while keys are being read back, and while Cloud Run does not answer and accepted work
// waits for it.
func (v *Invoker) Ready(ctx context.Context) error {
	select {
	case <-v.Rebuilt():
	default:
		return runwith.Errorf(runwith.Unavailable, "the store is being rebuilt from what Cloud Run has")
	}
	silent, last := v.reach.silent()
	if silent < unreachableAfter {
		return nil
	}
	left, err := v.store.Outstanding(ctx)
	if err != nil {
		return &runwith.Error{Code: runwith.Unavailable, Message: "the store cannot be read", Err: err}
	}
	if left.Waiting() == 0 {
		return nil
	}
	return &runwith.Error{Code: runwith.Unavailable, Err: last,
		Message: "Cloud Run has not answered for " + silent.Round(time.Second).String() + ", and accepted invocations wait for it: " + last.Error()}
}
