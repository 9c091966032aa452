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
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

const (
	// maxPolls is the number of jobs whose executions are read at the same time.
	maxPolls = 16
	// goneAfter is how long Cloud Run must report an execution as not found before the
	// watcher believes it: one answer may come from a server that lags behind.
	goneAfter = time.Minute
	// twinEvery is how often a list is read only for late twins.
	twinEvery = 15 * time.Second
	// movedAtOnce limits a commit of many moves, so that other writes do not wait long.
	movedAtOnce = 100
)

// watcher reads executions, with one poller for each job, and writes down what they
// show. It searches for executions of calls whose outcome is unknown.
type watcher struct {
	*base
	calls      *calls // of the dispatcher: "not found" does not count while a call is out
	awaiting   *awaiter
	explaining *explainer
	past       ledger.Past // set before run
}

func (w *watcher) run() {
	rounds := make(chan struct{}, maxPolls)
	var readers sync.WaitGroup
	defer readers.Wait()
	list := w.next.watch
	for lapsed := machineNow(); w.closing.Err() == nil; {
		now := machineNow()
		if now.Sub(lapsed) >= w.config.lapseEvery() {
			w.lapse()
			lapsed = now
		}
		if list.discovers(now) {
			w.discover()
		}
		due, next := list.due(now)
		for _, p := range due {
			rounds <- struct{}{} // a round ends by its deadlines, or with the invoker
			readers.Go(func() {
				defer func() { <-rounds }()
				w.look(p)
			})
		}
		timer := time.NewTimer(remaining(next))
		select {
		case <-timer.C:
		case <-list.bell:
		case <-w.closing.Done():
		}
		timer.Stop()
	}
}

// discover adds the jobs that other processes have added to a shared store.
func (w *watcher) discover() {
	if w.store.Alone() {
		return
	}
	jobs, err := w.store.WatchedJobs(w.closing)
	if err != nil {
		w.storeFailed("look for watched jobs", err)
	}
	for _, job := range jobs {
		w.next.watch.know(job)
	}
}

// lapse finds calls whose end nobody has written down.
func (w *watcher) lapse() {
	lapsed, err := w.store.Lapse(w.closing, ledger.Stored(w.now()), w.config.Settle)
	if err != nil {
		w.storeFailed("look for leases that have ended", err)
	}
	for _, r := range lapsed {
		w.next.watch.add(r.Target)
	}
}

// pollLease is the lease of the process that polls a job.
func pollLease(job string) string { return "watch/" + job }

// look makes a round over the watched rows of one job, unless another process polls the job.
func (w *watcher) look(p *poller) {
	if !w.leases.Hold(w.closing, pollLease(p.job)) {
		w.next.watch.elsewhere(p)
		return
	}
	rows, err := w.store.Watched(w.closing, p.job)
	if err != nil {
		w.storeFailed("watch", err, "job", p.job)
		w.next.watch.again(p, time.Time{}, w.config.PollMax)
		return
	}
	if len(rows) == 0 {
		w.next.watch.done(p)
		w.leases.Release(pollLease(p.job))
		return
	}
	if p.early {
		w.next.watch.glanced(p, p.news(rows))
		return
	}
	r := newRound(p, rows)
	w.hold(r)
	if r.listing() {
		w.list(r)
	} else {
		w.get(r)
	}
	w.next.watch.again(p, r.matters(), w.patience(r))
	if r.failed {
		w.leases.Release(pollLease(p.job)) // another process may reach Cloud Run
	}
}

// hold has Cloud Run hold requests for the ends that are worth one: a caller waits, or the
// execution still ran in an earlier round, so that it is not one of many short ones.
func (w *watcher) hold(r *round) {
	p, now := r.poller, machineNow()
	since := map[string]time.Time{}
	p.urgent = ordinary
	for _, row := range r.running {
		first, before := p.since[row.ID]
		if !before {
			first = now
		}
		since[row.ID] = first
		called := w.awaiting.expected(row.ID)
		p.urgent = p.urgent || urgency(called)
		if before || called {
			w.awaiting.begin(row)
		}
	}
	p.since = since // the others have ended
}

const (
	// firstMinute and firstTenMinutes are the longest pauses between two reads in the first
	// minute of an execution, and in its first ten. They are a fifth shorter than the
	// documentation says, because [backoff.Jitter] makes a pause up to a fifth longer.
	firstMinute, firstTenMinutes = 800 * time.Millisecond, 1600 * time.Millisecond
	// localPause is the longest pause on a Local Cloud Run, and crowdPause the longest for
	// more executions than crowd.
	localPause, crowdPause = 80 * time.Millisecond, 400 * time.Millisecond
	crowd                  = 64
)

// patience returns the longest pause before the next round.
func (w *watcher) patience(r *round) time.Duration {
	youngest, polled := time.Hour, 0
	for _, row := range r.running {
		if !w.awaiting.holds(row.ID) {
			polled++
			youngest = min(youngest, elapsed(r.poller.since[row.ID]))
		}
	}
	switch most := w.config.PollMax; {
	case polled == 0, r.failed:
		return most
	case w.config.Local && polled <= crowd:
		return min(most, localPause)
	case w.config.Local:
		return min(most, crowdPause)
	case youngest < time.Minute:
		return min(most, firstMinute)
	case youngest < 10*time.Minute:
		return min(most, firstTenMinutes)
	default:
		return most
	}
}

// list reads the executions of the job, as many pages as are needed.
func (w *watcher) list(r *round) {
	r.began = machineNow()
	var pages cloudrun.Pages
	for token := ""; ; {
		page, next, err := w.page(r.poller, token)
		if err == nil {
			err = pages.Next(next)
		}
		if err == nil {
			err = r.see(page)
		}
		if err != nil {
			w.unreadable(r, err)
			return
		}
		if r.whole = next == ""; r.whole {
			r.poller.pages, r.poller.listed = r.pages, r.began
		}
		if r.whole || !r.searching && r.allSeen() {
			break
		}
		token = next
	}
	w.judge(r)
}

func (w *watcher) page(p *poller, token string) (page []*runpb.Execution, next string, err error) {
	p.cost++
	err = w.read(w.closing, &w.reads, p.urgent, func(ctx context.Context) (err error) {
		page, next, err = w.cloud.ExecutionPage(ctx, p.job, token)
		return err
	})
	return page, next, err
}

// unreadable deals with a list that failed. A 5xx, a 429 or a broken connection never
// ends an invocation. If the job is gone, its executions went with it.
func (w *watcher) unreadable(r *round, err error) {
	if w.closing.Err() != nil {
		return
	}
	r.failed = true
	w.logger.Warn("executions cannot be read", "job", r.poller.job, "code", runwith.CodeOf(err), "error", err)
	if runwith.CodeOf(err) == runwith.NotFound {
		r.whole, r.jobGone = true, true
		w.judge(r)
	}
}

// judge draws the conclusions from a list.
func (w *watcher) judge(r *round) {
	for _, row := range r.rows {
		w.claim(row, r.bearers[row.ID])
	}
	w.observeAll(r)
	for id, row := range r.running {
		if r.whole && r.seen[id] == nil {
			w.getOne(r, row)
		}
	}
	if r.whole {
		w.notFound(r)
	}
}

// get reads the executions one by one.
func (w *watcher) get(r *round) {
	for _, row := range r.running {
		if w.closing.Err() == nil {
			w.getOne(r, row)
		}
	}
}

func (w *watcher) getOne(r *round, row ledger.Record) {
	var execution *runpb.Execution
	p := r.poller
	p.cost++
	err := w.read(w.closing, &w.reads, p.urgent, func(ctx context.Context) (err error) {
		execution, err = w.cloud.Execution(ctx, row.Execution)
		return err
	})
	if err == nil && !owns(row, execution) {
		err = anotherOne(row)
	}
	switch {
	case err == nil:
		delete(p.missing, row.ID)
		w.observe(row, execution)
		return
	case w.closing.Err() != nil:
		return
	case runwith.CodeOf(err) == runwith.NotFound:
		if p.missing[row.ID].IsZero() {
			p.missing[row.ID] = machineNow()
		}
		if elapsed(p.missing[row.ID]) >= goneAfter {
			delete(p.missing, row.ID)
			if err := w.move(row, row.Gone(err)); err != nil {
				w.storeFailed("close what is gone", err)
			}
			return
		}
	}
	r.failed = true
	w.logger.Warn("execution cannot be read", "invocation", row.ID, "execution", row.Execution,
		"code", runwith.CodeOf(err), "error", err)
}

// observe writes down what an execution shows that is new.
func (w *watcher) observe(row ledger.Record, execution *runpb.Execution) {
	next := row.Observed(w.explaining.status(row, execution), ledger.Stored(w.now()))
	if sameStatus(row, next) {
		return
	}
	moved, err := w.store.Move(w.closing, ledger.Move{From: row, To: next})
	switch {
	case err == nil:
		w.next.moved(row, moved)
		w.explaining.told(moved, execution)
	case !errors.Is(err, store.ErrStale): // the next round sees the transition that was faster
		w.storeFailed("record the execution", err, "invocation", row.ID)
	}
}

// observeAll writes down what a list shows that is new, many rows in one commit.
func (w *watcher) observeAll(r *round) {
	rows, executions := make([]ledger.Record, 0, len(r.seen)), make([]*runpb.Execution, 0, len(r.seen))
	for id, e := range r.seen {
		delete(r.poller.missing, id)
		rows, executions = append(rows, r.running[id]), append(executions, e)
	}
	now := ledger.Stored(w.now())
	moves := make([]ledger.Move, 0, len(rows))
	for i, s := range w.explaining.statuses(rows, executions) {
		if seen := rows[i].Observed(s, now); !sameStatus(rows[i], seen) {
			moves = append(moves, ledger.Move{From: rows[i], To: seen})
		}
	}
	for _, row := range w.moveMany("record executions", moves) {
		w.explaining.told(row, r.seen[row.ID])
	}
}

// moveMany makes transitions on which nothing else depends, and returns the rows after them.
func (w *watcher) moveMany(what string, moves []ledger.Move) (all []ledger.Record) {
	for some := range slices.Chunk(moves, movedAtOnce) {
		from := make(map[string]ledger.Record, len(some))
		for _, m := range some {
			from[m.From.ID] = m.From
		}
		moved, err := w.store.MoveEach(w.closing, some)
		if err != nil {
			w.storeFailed(what, err)
			return all
		}
		for _, to := range moved {
			w.next.moved(from[to.ID], to)
		}
		all = append(all, moved...)
	}
	return all
}

// sameStatus reports whether there is nothing to write. It compares times as they are
// stored.
func sameStatus(a, b ledger.Record) bool {
	return a.State == b.State && a.ExecutionUID == b.ExecutionUID && a.Counts == b.Counts && ledger.Stored(a.Started).Equal(ledger.Stored(b.Started))
}
