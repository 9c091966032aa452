// Package lease keeps leases of a store that several processes share: one of them polls a job,
// drives the schedules, or removes old invocations. A lease only saves work. A process that was
// stopped may still believe that it has one, so all that it writes is a compare-and-set.
package lease

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/invoker/store"
)

const (
	// Period is how long a lease lasts after it was renewed. So long do others wait when a
	// process has crashed.
	Period = 10 * time.Second
	// Again is how often leases are renewed, and how often the store is asked for a lease that
	// another process holds.
	Again = Period / 3
	// timeout bounds one question to the store.
	timeout = 5 * time.Second
)

// Keeper takes leases for this process and renews them. Its methods may be called concurrently.
type Keeper struct {
	store  store.Shared
	logger *slog.Logger

	mu      sync.Mutex
	held    map[string]time.Time // by name: when it was asked for last, by this machine's clock
	refused map[string]time.Time // by name: when another process had it
}

// New returns a Keeper without leases. It does no I/O.
func New(s store.Shared, logger *slog.Logger) *Keeper {
	return &Keeper{store: s, logger: logger, held: map[string]time.Time{}, refused: map[string]time.Time{}}
}

// Run renews the leases until ctx ends. Then it gives them back.
func (k *Keeper) Run(ctx context.Context) {
	ticker := time.NewTicker(Again)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for _, name := range k.names() {
				k.renew(ctx, name)
			}
		case <-ctx.Done():
			for _, name := range k.names() {
				k.Release(name)
			}
			return
		}
	}
}

// Hold reports whether this process has a lease. If not, it asks the store for it, but not more
// often than every [Again]. From then on the Keeper renews the lease, until Release. If the store
// fails, there is no lease.
func (k *Keeper) Hold(ctx context.Context, name string) bool {
	return k.store.Alone() || k.has(name) || ctx.Err() == nil && !k.refusedLately(name) && k.ask(ctx, name)
}

// AskAgain has Hold ask the store at once, also for leases that other processes had a moment ago.
func (k *Keeper) AskAgain() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.refused)
}

// refusedLately reports whether another process had a lease a moment ago.
func (k *Keeper) refusedLately(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, refused := k.refused[name]
	if refused && time.Since(at) >= Again {
		delete(k.refused, name)
		refused = false
	}
	return refused
}

// Release gives a lease back, so that another process need not wait for its end. It is a no-op
// if this process does not have it.
func (k *Keeper) Release(name string) {
	k.mu.Lock()
	_, held := k.held[name]
	delete(k.held, name)
	k.mu.Unlock()
	if held {
		k.giveBack(name)
	}
}

// ask takes a lease.
func (k *Keeper) ask(ctx context.Context, name string) bool {
	asked, granted := k.call(ctx, name)
	k.mu.Lock()
	defer k.mu.Unlock()
	if granted {
		k.held[name] = asked
	} else {
		k.refused[name] = asked
	}
	return granted
}

// renew renews a lease. If it was released meanwhile, it is given back.
func (k *Keeper) renew(ctx context.Context, name string) {
	asked, granted := k.call(ctx, name)
	k.mu.Lock()
	_, held := k.held[name]
	if granted && held {
		k.held[name] = asked
	}
	k.mu.Unlock()
	if granted && !held {
		k.giveBack(name)
	}
}

// call asks the store for a lease. The lease begins after the time that call returns.
func (k *Keeper) call(ctx context.Context, name string) (asked time.Time, granted bool) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	asked = time.Now()
	epoch, err := k.store.Hold(ctx, name, Period)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		k.logger.Warn("lease cannot be taken", "lease", name, "error", err)
	}
	return asked, err == nil && epoch > 0
}

func (k *Keeper) giveBack(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := k.store.Release(ctx, name); err != nil {
		k.logger.Warn("lease was not given back, so others wait for its end", "lease", name, "error", err)
	}
}

// has reports whether this process has a lease.
func (k *Keeper) has(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	asked, held := k.held[name]
	return held && lasts(asked)
}

// lasts reports whether a lease that was asked for at a time lasts. The monotonic clock stands
// still while the machine sleeps, so the wall clock counts if it shows more.
func lasts(asked time.Time) bool {
	now := time.Now()
	return max(now.Sub(asked), now.Round(0).Sub(asked.Round(0))) < Period
}

// names returns the leases, and forgets those that have ended.
func (k *Keeper) names() (all []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.held, func(_ string, asked time.Time) bool { return !lasts(asked) })
	return slices.Collect(maps.Keys(k.held))
}
