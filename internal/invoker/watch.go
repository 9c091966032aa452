package invoker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

const (
	// goneAfter is how long Cloud Run has to say that it does not know an execution
	// before it is believed: one answer may come from a server that lags behind.
	goneAfter = time.Minute
	// twinEvery is how often a list is read for late twins alone.
	twinEvery = 15 * time.Second
	// movedAtOnce bounds how long one commit of many keeps others waiting.
	movedAtOnce = 100
)

// watch looks at executions, one poller a job, until the invoker closes.
func (v *Invoker) watch() {
	rounds := make(chan struct{}, maxPolls)
	var readers sync.WaitGroup
	defer readers.Wait()
	for lapsed := time.Now(); v.closing.Err() == nil; {
		now := time.Now()
		if now.Sub(lapsed) >= idle {
			v.lapse()
			lapsed = now
		}
		due, next := v.watched.due(now)
		for _, p := range due {
			rounds <- struct{}{} // a round ends by its deadlines, or with the invoker
			readers.Go(func() {
				defer func() { <-rounds }()
				v.look(p)
			})
		}
		v.sleep(v.watched.wake, next)
	}
}

// lapse finds calls of which nobody has written down the end.
func (v *Invoker) lapse() {
	lapsed, err := v.store.Lapse(v.closing, stored(time.Now()), v.config.Settle)
	if err != nil {
		v.storeFailed("look for leases that have ended", err)
	}
	for _, r := range lapsed {
		v.watched.add(r.Job)
	}
}

// look makes a round over what is watched of one job.
func (v *Invoker) look(p *poller) {
	rows, err := v.store.Watched(v.closing, p.job)
	if err != nil {
		v.storeFailed("watch", err, "job", p.job)
		v.watched.again(p, time.Time{})
		return
	}
	if len(rows) == 0 {
		v.watched.done(p)
		return
	}
	r := newRound(p, rows)
	if r.listing() {
		v.list(r)
	} else {
		v.get(r)
	}
	v.watched.again(p, r.matters())
}

// list reads the executions of the job, as many pages as are needed.
func (v *Invoker) list(r *round) {
	r.began = time.Now()
	for token := ""; ; {
		page, next, err := v.page(r.poller, token)
		if err != nil {
			v.unreadable(r, err)
			return
		}
		r.see(page)
		if r.whole = next == ""; r.whole {
			r.poller.pages, r.poller.listed = r.pages, r.began
		}
		if r.whole || !r.searching && r.allSeen() {
			break
		}
		token = next
	}
	v.judge(r)
}

func (v *Invoker) page(p *poller, token string) (page []*runpb.Execution, next string, err error) {
	p.cost++
	err = v.ask(v.closing, v.reads, func(ctx context.Context) (err error) {
		page, next, err = v.cloud.ExecutionPage(ctx, p.job, token)
		return err
	})
	return page, next, err
}

// unreadable is a list that failed. It is never an end: not a 5xx, not a 429, not a
// broken connection. Where the job is gone, its executions went with it.
func (v *Invoker) unreadable(r *round, err error) {
	if v.closing.Err() != nil {
		return
	}
	v.logger.Warn("executions cannot be read", "job", r.poller.job, "code", runwith.CodeOf(err), "error", err)
	if runwith.CodeOf(err) == runwith.NotFound {
		r.whole, r.jobGone = true, true
		v.judge(r)
	}
}

// judge makes of a list what follows from it.
func (v *Invoker) judge(r *round) {
	for _, row := range r.rows {
		v.claim(row, r.bearers[row.ID])
	}
	v.observeAll(r)
	for name, row := range r.running {
		if r.whole && r.seen[name] == nil {
			v.getOne(r.poller, row)
		}
	}
	if r.whole {
		v.notFound(r)
	}
}

// get reads the executions one by one.
func (v *Invoker) get(r *round) {
	for _, row := range r.running {
		if v.closing.Err() == nil {
			v.getOne(r.poller, row)
		}
	}
}

func (v *Invoker) getOne(p *poller, row Record) {
	var execution *runpb.Execution
	p.cost++
	err := v.ask(v.closing, v.reads, func(ctx context.Context) (err error) {
		execution, err = v.cloud.Execution(ctx, row.Execution)
		return err
	})
	switch {
	case err == nil:
		delete(p.missing, row.Execution)
		v.observe(row, execution)
		return
	case v.closing.Err() != nil:
		return
	case runwith.CodeOf(err) == runwith.NotFound:
		if p.missing[row.Execution].IsZero() {
			p.missing[row.Execution] = time.Now()
		}
		if time.Since(p.missing[row.Execution]) >= goneAfter {
			delete(p.missing, row.Execution)
			v.move(row, gone(row, err))
			return
		}
	}
	v.logger.Warn("execution cannot be read", "invocation", row.ID, "execution", row.Execution,
		"code", runwith.CodeOf(err), "error", err)
}

// observe writes down what an execution tells that is new.
func (v *Invoker) observe(row Record, execution *runpb.Execution) {
	next := row.observed(cloudrun.StatusOf(execution), stored(time.Now()))
	if sameStatus(row, next) {
		return
	}
	moved, err := v.store.Move(v.closing, row, next)
	switch {
	case err == nil:
		v.follow(row, moved)
	case !errors.Is(err, ErrStale): // somebody else's transition: the next round sees it
		v.storeFailed("record the execution", err, "invocation", row.ID)
	}
}

// observeAll writes down what a list tells that is new, many at once, so that they
// share a commit.
func (v *Invoker) observeAll(r *round) {
	now := stored(time.Now())
	rows := make([]Record, 0, len(r.seen))
	next := make(map[string]Record, len(r.seen))
	for name, e := range r.seen {
		delete(r.poller.missing, name)
		row := r.running[name]
		if seen := row.observed(cloudrun.StatusOf(e), now); !sameStatus(row, seen) {
			rows, next[row.ID] = append(rows, row), seen
		}
	}
	for some := range slices.Chunk(rows, movedAtOnce) {
		moved, err := v.store.MoveEach(v.closing, some, func(row Record) Record { return next[row.ID] })
		if err != nil {
			v.storeFailed("record executions", err, "job", r.poller.job)
			return
		}
		for _, m := range moved {
			v.follow(r.running[m.Execution], m)
		}
	}
}

// sameStatus reports whether there is nothing to write: times count as they are
// stored.
func sameStatus(a, b Record) bool {
	return a.State == b.State && a.Counts == b.Counts && micros(a.Started) == micros(b.Started)
}

// gone is a record whose execution Cloud Run no longer knows.
func gone(r Record, cause error) Record {
	return r.unresolved(cause, "execution %s was started and is gone from Cloud Run, so how it ended cannot be known: "+
		"look at its output, if that is left, and close the invocation with `runwith invocations resolve %s --leave`", r.Execution, r.ID)
}
