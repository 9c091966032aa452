package invoker

import (
	"context"
	"sync"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/usage"
)

const (
	// settledAtOnce is how many invocations are settled in one commit, and settleDelay how long
	// the first of them waits for the others.
	settledAtOnce = 100
	settleDelay   = 200 * time.Millisecond
	// estimatesAtOnce bounds how many executions are read at the same time.
	estimatesAtOnce = 2
	// estimatePace is the shortest time between two estimates on Google's Cloud Run.
	estimatePace = 100 * time.Millisecond
	// maxPostponed bounds how many invocations wait for another try in memory.
	maxPostponed = 1000
	// priceLease is the lease of the process that estimates.
	priceLease = "price"
)

// pricer estimates what ended invocations have used, from the records of their tasks. The rows
// without an estimate are its queue. It is never urgent: callers hear of an end before.
type pricer struct {
	*base
	jobs *jobCache

	mu       sync.Mutex
	later    map[string]bool // invocations about which Cloud Run could not be asked
	again    time.Time       // when to ask about all of them again
	failures int             // rounds in a row
	full     bool            // the last round settled as many as it may, so there are more
}

func newPricer(b *base, jobs *jobCache) *pricer {
	return &pricer{base: b, jobs: jobs, later: map[string]bool{}}
}

func (p *pricer) run() { p.next.price.run(p.base, "estimate usage", p.round) }

// round settles the oldest invocations, many in one commit.
func (p *pricer) round(now time.Time) result {
	if !p.leases.Hold(p.closing, priceLease) {
		return result{}
	}
	if !p.full {
		p.sleep(settleDelay) // others end at the same time
	}
	p.full = false
	rows, err := p.due(p.now())
	if err != nil || len(rows) == 0 || p.closing.Err() != nil {
		return result{next: p.again, err: err}
	}
	made := p.estimates(rows)
	saved, err := p.store.Settle(p.closing, made, p.config.Budgets())
	if err != nil {
		return result{err: err}
	}
	if len(saved) > 0 {
		p.next.dispatch.ring() // some may wait for what a budget has left now
	}
	p.counters.settled(made, saved)
	if p.full = len(rows) == settledAtOnce && len(made) > 0; p.full {
		return result{next: now}
	}
	return result{next: p.again} // if none could be read, the next ones cannot either
}

// due returns the oldest rows without those that wait for another try.
func (p *pricer) due(now time.Time) (rows []ledger.Record, err error) {
	if !p.again.After(now) {
		clear(p.later)
		p.again = time.Time{}
	}
	found, err := p.store.Unsettled(p.closing, ledger.Stored(now.Add(-ledger.SettleWithin)), settledAtOnce+len(p.later))
	for _, r := range found {
		if !p.later[r.ID] && len(rows) < settledAtOnce {
			rows = append(rows, r)
		}
	}
	return rows, err
}

// estimates returns the settlements of rows. It leaves out those that it must try again.
func (p *pricer) estimates(rows []ledger.Record) (made []ledger.Settlement) {
	var work sync.WaitGroup
	slots := make(chan struct{}, estimatesAtOnce)
	failed := false
	for _, r := range rows {
		p.pace()
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			tally, err := p.count(r)
			p.mu.Lock()
			defer p.mu.Unlock()
			if err == nil {
				made = append(made, tally.Settlement())
				return
			}
			failed = true
			p.postpone(r, err)
		})
	}
	work.Wait()
	if !failed {
		p.failures = 0
	} else if p.again.IsZero() {
		p.again = p.now().Add(backoff.Jitter(ledger.Backoff(p.failures)))
		p.failures++
	}
	return made
}

// pace keeps estimates from using more than a quarter of the quota of reads.
func (p *pricer) pace() {
	pace := estimatePace
	switch quota := p.config.Limits.Reads; {
	case quota > 0:
		pace = max(pace, 4*time.Minute/time.Duration(quota))
	case p.config.Local:
		return
	}
	p.sleep(pace)
}

// count returns what an execution has used. The error is one that may pass.
func (p *pricer) count(r ledger.Record) (*usage.Tally, error) {
	tally, err := p.countTasks(r)
	if err == nil && tally != nil || err != nil && !final(err) {
		return tally, err
	}
	tally = p.config.Prices.Tally(r)
	template, parallelism, err := p.template(r)
	switch {
	case err == nil:
		tally.Times(template, parallelism)
	case !final(err):
		return nil, err
	}
	return tally, nil
}

// countTasks returns what the tasks of an execution have used, or nil if they are gone.
func (p *pricer) countTasks(r ledger.Record) (*usage.Tally, error) {
	tally := p.config.Prices.Tally(r)
	var list taskList
	for token := ""; ; {
		page, next, err := p.taskPage(p.closing, r.Execution, token, ordinary)
		if err == nil {
			err = list.add(page, next)
		}
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if t.GetStartTime().AsTime().After(r.Finished.Add(ledger.ClockSkew)) {
				return nil, nil // another execution has the name now
			}
			tally.Task(t)
		}
		if token = next; token != "" {
			continue
		}
		if list.tasks == 0 {
			return nil, nil
		}
		return tally, nil
	}
}

// template returns what the tasks of an execution had, from the execution, or else from the job
// as it is now.
func (p *pricer) template(r ledger.Record) (_ *runpb.TaskTemplate, parallelism int32, err error) {
	var e *runpb.Execution
	err = p.read(p.closing, &p.reads, ordinary, func(ctx context.Context) (err error) {
		e, err = p.cloud.Execution(ctx, r.Execution)
		return err
	})
	switch {
	case err == nil && owns(r, e) && len(e.GetTemplate().GetContainers()) > 0:
		return e.GetTemplate(), e.GetParallelism(), nil
	case err != nil && !final(err):
		return nil, 0, err
	}
	job, err := p.jobs.job(p.closing, r.Target)
	return job.GetTemplate().GetTemplate(), job.GetTemplate().GetParallelism(), err
}

// final reports whether an error of a read will not pass: what it asks for is gone, or the
// invoker may not read it.
func final(err error) bool {
	switch runwith.CodeOf(err) {
	case runwith.NotFound, runwith.PermissionDenied, runwith.InvalidArgument, runwith.FailedPrecondition, runwith.Unimplemented:
		return true
	}
	return false
}

// postpone notes that a row must be tried again.
func (p *pricer) postpone(r ledger.Record, err error) {
	if p.closing.Err() == nil {
		p.logger.Debug("usage cannot be estimated yet", "invocation", r.ID, "execution", r.Execution, "code", runwith.CodeOf(err), "error", err)
	}
	if len(p.later) >= maxPostponed { // they are still in the store
		clear(p.later)
	}
	p.later[r.ID] = true
}
