package invoker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// gate holds back reads of one kind: to their quota if there is one, and until the time
// that Cloud Run has named when it refused one.
type gate struct {
	name  string
	quota ledger.Quota

	mu     sync.Mutex
	urgent int           // reads that wait, and a caller for them
	left   signal        // none of those waits any more
	bucket ledger.Bucket // of refusals alone; its tokens are in the store
}

// The names of the gates, which are those of their buckets.
const (
	readsGate = "reads"
	logsGate  = "logs"
)

// urgency is whether a caller waits for a read. Other reads give way to an urgent one.
type urgency bool

const (
	urgent   urgency = true
	ordinary urgency = false
	// givesWayFor is how long an ordinary read gives way. Then it is urgent itself, so that
	// callers who wait do not keep the others from ever being read.
	givesWayFor = 5 * time.Second
)

// compare returns -1 if u is less urgent than v, 0 if both are the same, and else 1.
func (u urgency) compare(v urgency) int {
	switch {
	case u == v:
		return 0
	case u == urgent:
		return 1
	}
	return -1
}

// read asks Cloud Run once that may be asked. All of it takes readTimeout at most.
func (b *base) read(ctx context.Context, g *gate, u urgency, read func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return b.ask(ctx, g, u, read)
}

// ask makes a read once it may be made.
func (b *base) ask(ctx context.Context, g *gate, u urgency, read func(context.Context) error) error {
	if err := b.pass(ctx, g, u); err != nil {
		return err
	}
	err := read(ctx)
	g.told(err)
	b.reach.told(err)
	return err
}

// askAgainAt is the cause of a refusal that ends at a time, which may have passed.
func askAgainAt(at time.Time) cause.RetryAfter {
	return cause.RetryAfter(max(time.Second, time.Until(at)))
}

// pass waits until a read may be made. It fails at once if ctx ends before that.
func (b *base) pass(ctx context.Context, g *gate, u urgency) error {
	if u == urgent {
		defer g.enter()()
	}
	waits := false
	for came := time.Now(); ; {
		if u == ordinary {
			if err := g.giveWay(ctx, came.Add(givesWayFor)); err != nil {
				return err
			}
		}
		next, err := b.spend(ctx, g)
		if err != nil || next.IsZero() {
			return err
		}
		if !waits {
			waits = true
			b.counters.waits.Inc(g.name)
		}
		if deadline, bounded := ctx.Deadline(); bounded && deadline.Before(next) {
			wait := time.Until(next)
			return &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.RetryAfter(wait),
				Message: fmt.Sprintf("the quota of %s of Cloud Run is used up: there is more in %v", g.name, wait.Round(time.Second))}
		}
		if err := after(ctx, next, nil); err != nil {
			return err
		}
	}
}

// spend takes a token, and returns the zero time, or returns when a read may next be made.
func (b *base) spend(ctx context.Context, g *gate) (next time.Time, err error) {
	if next = g.opens(); !next.IsZero() || g.quota == 0 {
		return next, nil
	}
	ok, next, err := b.store.Spend(ctx, g.name, g.quota, time.Now())
	if ok {
		next = time.Time{}
	}
	return next, err
}

// giveWay waits while urgent reads wait, but no longer than until a time.
func (g *gate) giveWay(ctx context.Context, until time.Time) error {
	for {
		left := g.ahead()
		if left == nil || !time.Now().Before(until) {
			return nil
		}
		if err := after(ctx, until, left); err != nil {
			return err
		}
	}
}

// after returns at a time, when something happens, or with an error when ctx ends.
func after(ctx context.Context, at time.Time, happens <-chan struct{}) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-happens:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// enter notes that an urgent read waits, until the returned function is called.
func (g *gate) enter() (leave func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.urgent++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.urgent--; g.urgent == 0 {
			g.left.send()
		}
	}
}

// ahead returns a channel that is closed when no urgent read waits any more, or nil if none
// waits.
func (g *gate) ahead() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.urgent == 0 {
		return nil
	}
	return g.left.wait()
}

// opens returns when the next read may be made; zero: now.
func (g *gate) opens() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bucket.NotBefore.After(time.Now()) {
		return g.bucket.NotBefore
	}
	return time.Time{}
}

// told notes how a read ended.
func (g *gate) told(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.bucket = ledger.Bucket{}
	case runwith.CodeOf(err) == runwith.ResourceExhausted:
		g.bucket = g.bucket.Refused(time.Now(), cloudrun.RetryAfter(err))
	}
}
