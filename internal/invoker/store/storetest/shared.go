package storetest

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// RunShared runs the suite for a store that several processes share. place makes an empty store,
// and returns a function that opens it as one more process.
func RunShared(t *testing.T, place func(t *testing.T) Open) {
	t.Helper()
	suite := map[string]func(*testing.T, Open){
		"lease":          testLease,
		"lease expires":  testLeaseExpires,
		"lease, closed":  testLeaseOfClosed,
		"lease, at once": testLeaseAtOnce,
		"clock":          testClock,
		"changes":        testChangesOfOthers,
	}
	maps.Copy(suite, contentions())
	for name, test := range suite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, place(t))
		})
	}
}

// hold takes a lease, and returns its epoch.
func hold(t *testing.T, s store.Store, name string, period time.Duration) int64 {
	t.Helper()
	epoch, err := s.Hold(t.Context(), name, period)
	must(t, "Hold", err)
	return epoch
}

func testLease(t *testing.T, open Open) {
	one, other := open(t), open(t)
	if one.Alone() || other.Alone() {
		t.Errorf("Alone() = %v and %v, want false: there are two", one.Alone(), other.Alone())
	}
	first := hold(t, one, "a", time.Hour)
	if first < 1 {
		t.Fatalf("Hold of a free lease = %d, want an epoch", first)
	}
	want(t, "Hold again by the holder", hold(t, one, "a", time.Hour), first)
	want(t, "Hold by the other one", hold(t, other, "a", time.Hour), int64(0))
	if hold(t, other, "b", time.Hour) < 1 {
		t.Error("Hold of another free lease = 0, want an epoch")
	}
	must(t, "Release by the other one", other.Release(t.Context(), "a"))
	want(t, "Hold after a Release by the other one", hold(t, other, "a", time.Hour), int64(0))
	must(t, "Release", one.Release(t.Context(), "a"))
	second := hold(t, other, "a", time.Hour)
	if second <= first {
		t.Errorf("epoch of the second holder = %d, want more than %d", second, first)
	}
	must(t, "Release by the former holder", one.Release(t.Context(), "a"))
	want(t, "Hold by the former holder", hold(t, one, "a", time.Hour), int64(0))
	want(t, "Hold again by the second holder", hold(t, other, "a", time.Hour), second)
	must(t, "Release of an unknown lease", one.Release(t.Context(), "never held"))
}

func testLeaseExpires(t *testing.T, open Open) {
	one, other := open(t), open(t)
	first := hold(t, one, "a", 20*time.Millisecond)
	var second int64
	eventually.True(t, "the lease has ended", func() bool {
		second = hold(t, other, "a", time.Hour)
		return second != 0
	})
	if second <= first {
		t.Errorf("epoch after the end of the lease = %d, want more than %d", second, first)
	}
	want(t, "Hold by the former holder", hold(t, one, "a", time.Hour), int64(0))
}

func testLeaseOfClosed(t *testing.T, open Open) {
	other := open(t)
	t.Run("first process", func(t *testing.T) { hold(t, open(t), "a", time.Hour) })
	if hold(t, other, "a", time.Hour) == 0 {
		t.Error("Hold after the holder has closed its store = 0, want an epoch")
	}
}

func testLeaseAtOnce(t *testing.T, open Open) {
	stores := []store.Store{open(t), open(t), open(t)}
	var (
		mu     sync.Mutex
		epochs = map[store.Store]int64{}
	)
	atOnce(30, stores, func(s store.Store, _ int) {
		epoch, err := s.Hold(t.Context(), "a", time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			t.Errorf("Hold = %v", err)
		}
		if before := epochs[s]; before != 0 && epoch != before {
			t.Errorf("Hold again by the holder = %d, want %d", epoch, before)
		}
		if epoch != 0 {
			epochs[s] = epoch
		}
	})
	if len(epochs) != 1 {
		t.Errorf("%d processes hold the lease, want one", len(epochs))
	}
}

// clockError bounds how much the clocks of two processes may differ.
const clockError = time.Second

func testClock(t *testing.T, open Open) {
	one, other := open(t), open(t)
	for range 100 {
		before, now, after := one.Now(), other.Now(), one.Now()
		if now.Before(before.Add(-clockError)) || now.After(after.Add(clockError)) {
			t.Fatalf("Now = %v, want it between %v and %v, which another process told before and after", now, before, after)
		}
	}
}

func testChangesOfOthers(t *testing.T, open Open) {
	one, other := open(t), open(t)
	r := put(t, one, Waiting(0))
	changed, leave := one.Subscribe(r.ID)
	defer leave()
	for r.Version < 5 {
		next := r
		next.Postponed++
		var err error
		r, err = other.Move(t.Context(), ledger.Move{From: r, To: next})
		must(t, "Move", err)
		awaitVersion(t, one, r, changed)
	}
	if _, err := one.Move(t.Context(), ledger.Move{From: Waiting(0), To: r}); !errors.Is(err, store.ErrStale) {
		t.Errorf("Move of a row that another process has changed = %v, want %v", err, store.ErrStale)
	}
}

// awaitVersion waits until a subscriber has been woken and reads this version of the record.
func awaitVersion(t *testing.T, s store.Store, r ledger.Record, changed <-chan struct{}) {
	t.Helper()
	limit := time.After(eventually.Limit)
	for {
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("no change within %v, want version %d by another process", eventually.Limit, r.Version)
		}
		if find(t, s, r.ID).Version == r.Version {
			return
		}
	}
}

// atOnce makes n calls at once, each in the process whose turn it is.
func atOnce(n int, stores []store.Store, call func(s store.Store, n int)) {
	var all sync.WaitGroup
	for n := range n {
		all.Go(func() { call(stores[n%len(stores)], n) })
	}
	all.Wait()
}
