package invoker

import (
	"context"
	"errors"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cloudrun"
)

// goneAfter is how long Cloud Run has to say that it does not know an execution
// before it is believed: one answer may come from a server that lags behind.
const goneAfter = time.Minute

// watch reads running executions until the invoker closes.
func (v *Invoker) watch() {
	polls := make(chan struct{}, maxPolls)
	var readers sync.WaitGroup
	defer readers.Wait()
	for v.closing.Err() == nil {
		due, next := v.watched.due(time.Now())
		for _, w := range due {
			polls <- struct{}{} // a read ends by its deadline, or with the invoker
			readers.Go(func() {
				defer func() { <-polls }()
				v.poll(w)
			})
		}
		v.sleep(v.watched.wake, next)
	}
}

// poll reads one execution and records what has changed. An error of the read is
// never an end: not a 5xx, not a 429, not a broken connection.
func (v *Invoker) poll(w *watched) {
	ctx, cancel := context.WithTimeout(v.closing, readTimeout)
	defer cancel()
	execution, err := v.cloud.Execution(ctx, w.execution)
	switch {
	case err == nil:
		w.missing = time.Time{}
		v.observe(w, func(r record) record { return observed(r, execution) })
		return
	case v.closing.Err() != nil:
		return
	case runwith.CodeOf(err) == runwith.NotFound:
		if w.missing.IsZero() {
			w.missing = time.Now()
		}
		if time.Since(w.missing) >= goneAfter {
			v.observe(w, func(r record) record { return gone(r, err) })
			return
		}
	}
	v.logger.Warn("execution cannot be read", "invocation", w.id, "execution", w.execution,
		"code", runwith.CodeOf(err), "error", err)
	v.watched.again(w, v.config.PollMax)
}

func observed(r record, execution *runpb.Execution) record {
	return r.observed(cloudrun.StatusOf(execution), time.Now())
}

// observe makes the transition from the row as it is now, and takes the execution
// off the list where nothing more comes of it.
func (v *Invoker) observe(w *watched, transition func(record) record) {
	r, err := v.store.find(v.closing, w.id)
	if err == nil && r.State == runwith.StateRunning {
		next := transition(r)
		if !sameStatus(r, next) {
			_, err = v.store.move(v.closing, r, next)
		}
		r = next
	}
	switch {
	case errors.Is(err, errStale): // somebody else's transition: look again
	case err != nil:
		v.storeFailed("record the execution", err, "invocation", w.id)
	case r.State != runwith.StateRunning:
		v.watched.done(w)
		return
	}
	v.watched.again(w, v.config.PollMax)
}

// sameStatus reports whether there is nothing to write: times count as they are
// stored.
func sameStatus(a, b record) bool {
	return a.State == b.State && a.Counts == b.Counts && micros(a.Started) == micros(b.Started)
}
