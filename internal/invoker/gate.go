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
	bucket ledger.Bucket // of refusals alone, by the machine's clock; its tokens are in the store
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

// read makes a read when the gate lets it pass. The wait and the read together take at most
// readTimeout.
func (b *base) read(ctx context.Context, g *gate, u urgency, read func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return b.ask(ctx, g, u, read)
}

// ask makes a read when the gate lets it pass, and tells the gate how the read ended.
func (b *base) ask(ctx context.Context, g *gate, u urgency, read func(context.Context) error) error {
	if err := b.pass(ctx, g, u); err != nil {
		return err
	}
	err := read(ctx)
	g.told(err)
	b.reach.told(err)
	return err
}

// askAgainIn is the cause of a refusal that ends after a wait, which may have passed.
func askAgainIn(wait time.Duration) cause.RetryAfter {
	return cause.RetryAfter(max(time.Second, wait))
}

// pass waits until a read may be made. It fails at once if ctx ends before that.
func (b *base) pass(ctx context.Context, g *gate, u urgency) error {
	if u == urgent {
		defer g.enter()()
	}
	waits := false
	for came := machineNow(); ; {
		if u == ordinary {
			if err := g.giveWay(ctx, came.Add(givesWayFor)); err != nil {
				return err
			}
		}
		wait, err := b.spend(ctx, g)
		if err != nil || wait <= 0 {
			return err
		}
		if !waits {
			waits = true
			b.counters.waits.Inc(g.name)
		}
		if deadline, bounded := ctx.Deadline(); bounded && remaining(deadline) < wait {
			return &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.RetryAfter(wait),
				Message: fmt.Sprintf("the quota of %s of Cloud Run is used up: there is more in %v", g.name, wait.Round(time.Second))}
		}
		if err := after(ctx, wait, nil); err != nil {
			return err
		}
	}
}

// spend takes a token, and returns 0, or returns how long to wait before a read may be made.
func (b *base) spend(ctx context.Context, g *gate) (wait time.Duration, err error) {
	if wait = g.closedFor(); wait > 0 || g.quota == 0 {
		return wait, nil
	}
	ok, next, err := b.store.Spend(ctx, g.name, g.quota, b.now())
	if ok || err != nil {
		return 0, err
	}
	return max(time.Millisecond, b.until(next)), nil
}

// giveWay waits while urgent reads wait, but no longer than until a time of [machineNow].
func (g *gate) giveWay(ctx context.Context, until time.Time) error {
	for {
		left, wait := g.ahead(), remaining(until)
		if left == nil || wait <= 0 {
			return nil
		}
		if err := after(ctx, wait, left); err != nil {
			return err
		}
	}
}

// after returns after a wait, when something happens, or with an error when ctx ends.
func after(ctx context.Context, wait time.Duration, happens <-chan struct{}) error {
	timer := time.NewTimer(wait)
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

// closedFor returns how long a refusal keeps reads from being made; 0 or less: they may.
func (g *gate) closedFor() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return remaining(g.bucket.NotBefore)
}

// told notes how a read ended.
func (g *gate) told(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.bucket = ledger.Bucket{}
	case runwith.CodeOf(err) == runwith.ResourceExhausted:
		g.bucket = g.bucket.Refused(machineNow(), cloudrun.RetryAfter(err))
	}
}
