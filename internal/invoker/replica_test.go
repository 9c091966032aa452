package invoker

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

// skew is how far the clock of a shared store is ahead of the machines'.
const skew = 10 * time.Minute

// shared is a store of several processes. In these tests, all of them are in this process, and
// each has a replica.
type shared struct {
	*sqlite.Store

	mu     sync.Mutex
	leases map[string]heldLease
	read   bool // Rebuilt was called
}

type heldLease struct {
	holder *replica
	until  time.Time
	epoch  int64
}

func openShared(t *testing.T) *shared {
	t.Helper()
	return &shared{Store: openStore(t, filepath.Join(t.TempDir(), "invoker.db")), leases: map[string]heldLease{}}
}

// Now returns the time by the database's clock, which is not the machines'.
func (s *shared) Now() time.Time { return time.Now().Round(0).Add(skew) }

// holder returns the replica that holds a lease; nil: none does.
func (s *shared) holder(name string) *replica {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.leases[name]; l.until.After(s.Now()) {
		return l.holder
	}
	return nil
}

// replica is a shared store as one process has opened it.
type replica struct {
	*shared

	// taken and moving are called when Take has moved rows, and before Move moves one, and may stop
	// the process there.
	taken, moving func()

	resumes atomic.Int64 // when a stopped process continues; 0: it was never stopped
}

// stop stops the process for ten minutes, once.
func (r *replica) stop() {
	if r.resumes.CompareAndSwap(0, time.Now().Add(10*time.Minute).UnixNano()) {
		r.pass()
	}
}

// pass returns when the process is not stopped.
func (r *replica) pass() { time.Sleep(time.Until(time.Unix(0, r.resumes.Load()))) }

// Alone reports that there are others.
func (r *replica) Alone() bool { return false }

// Hold grants the lease unless another replica has it.
func (r *replica) Hold(_ context.Context, name string, period time.Duration) (int64, error) {
	r.pass()
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.leases[name]
	switch {
	case l.holder != r && l.until.After(r.Now()):
		return 0, nil
	case l.holder != r:
		l.epoch++
	}
	l.holder, l.until = r, r.Now().Add(period)
	r.leases[name] = l
	return l.epoch, nil
}

// Release ends the lease if this replica has it.
func (r *replica) Release(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.leases[name]; l.holder == r {
		l.until = time.Time{}
		r.leases[name] = l
	}
	return nil
}

// Take stops the process behind the commit, if the test wants that.
func (r *replica) Take(ctx context.Context, t ledger.Take) (store.Taken, error) {
	r.pass()
	taken, err := r.shared.Take(ctx, t)
	if r.taken != nil && len(taken.Records) > 0 {
		r.taken()
	}
	return taken, err
}

// Move stops the process before the move, if the test wants that.
func (r *replica) Move(ctx context.Context, m ledger.Move) (ledger.Record, error) {
	if r.moving != nil {
		r.moving()
	}
	return r.shared.Move(ctx, m)
}

// Lapse does nothing while the process is stopped.
func (r *replica) Lapse(ctx context.Context, now time.Time, settle time.Duration) ([]ledger.Record, error) {
	r.pass()
	return r.shared.Lapse(ctx, now, settle)
}

// Watched does nothing while the process is stopped.
func (r *replica) Watched(ctx context.Context, target string) ([]ledger.Record, error) {
	r.pass()
	return r.shared.Watched(ctx, target)
}

// Recover voids nothing: others may hold the leases.
func (r *replica) Recover(context.Context, time.Time, time.Duration) (asOf time.Time, err error) {
	return time.Time{}, nil
}

// Origin reports an empty store until somebody has called Rebuilt.
func (r *replica) Origin(context.Context) (store.Origin, error) {
	r.pass()
	r.mu.Lock()
	defer r.mu.Unlock()
	return store.Origin{Empty: !r.read}, nil
}

// Rebuilt ends that.
func (r *replica) Rebuilt(context.Context) error {
	r.pass()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.read = true
	return nil
}

// Close leaves the store open for the other replicas.
func (r *replica) Close() error { return nil }

// openReplica opens an invoker on a shared store.
func openReplica(t *testing.T, s *shared, c *cloud, change ...func(*replica)) *Invoker {
	t.Helper()
	r := &replica{shared: s}
	for _, f := range change {
		f(r)
	}
	return open(t, c, func(c *Config) { c.Store = r })
}
