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
	bucket ledger.Bucket // of refusals alone; its tokens are in the store
}

// ask makes a read once it may be made. All of it takes readTimeout at most.
func (b *base) ask(ctx context.Context, g *gate, read func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := b.pass(ctx, g); err != nil {
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
func (b *base) pass(ctx context.Context, g *gate) error {
	for {
		next := g.opens()
		if next.IsZero() && g.quota > 0 {
			ok, at, err := b.store.Spend(ctx, g.name, g.quota, time.Now())
			if err != nil {
				return err
			}
			if !ok {
				next = at
			}
		}
		if next.IsZero() {
			return nil
		}
		if deadline, bounded := ctx.Deadline(); bounded && deadline.Before(next) {
			wait := time.Until(next)
			return &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.RetryAfter(wait),
				Message: fmt.Sprintf("the quota of %s of Cloud Run is used up: there is more in %v", g.name, wait.Round(time.Second))}
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
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
