//go:build unix

package postgres

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// deliver stores pending deliveries of a lane.
func deliver(t *testing.T, s *Store, what string, n int, next time.Time) {
	t.Helper()
	made := make([]ledger.Delivery, n)
	for i := range made {
		made[i] = ledger.Delivery{
			ID: fmt.Sprint(what, i), Endpoint: "docs", Event: ledger.EventFailed, State: ledger.DeliveryPending, Created: s.Now(), NextAttempt: next,
		}
	}
	_, err := s.write(t.Context(), "add deliveries", func(t tx) ([]ledger.Record, error) { return nil, insertDeliveries(t, made) })
	if err != nil {
		t.Errorf("insertDeliveries = %v", err)
	}
}

// TestLeasesOfALane has two processes lease deliveries of a lane at the same time. Between their
// looks other deliveries become due, which are due before the first ones.
func TestLeasesOfALane(t *testing.T) {
	t.Parallel()
	const perLane = 3
	url := newDatabase(t)
	first, second := openOn(t, url), openOn(t, url)
	now := ledger.Stored(first.Now())
	deliver(t, first, "tried ", perLane, now.Add(-time.Minute))
	var (
		leased int
		other  sync.WaitGroup
		done   atomic.Bool
	)
	_, err := first.write(t.Context(), "lease deliveries", func(ours tx) ([]ledger.Record, error) {
		due, _, err := leaseDue(ours, now, now.Add(time.Hour), perLane, perLane)
		leased = len(due)
		deliver(t, second, "new ", perLane, time.Time{})
		other.Go(func() {
			defer done.Store(true)
			due, _, err := second.DueDeliveries(t.Context(), now, time.Hour, perLane, perLane)
			if len(due) > 0 || err != nil {
				t.Errorf("DueDeliveries while others have all leases of the lane = %+v, %v, want none", due, err)
			}
		})
		eventually.True(t, "the other process waits or has ended", func() bool { return done.Load() || waits(t, second) })
		return nil, err
	})
	other.Wait()
	if leased != perLane || err != nil {
		t.Errorf("leased = %d, %v, want %d", leased, err, perLane)
	}
}

// waits reports whether a transaction waits for an advisory lock.
func waits(t *testing.T, s *Store) (is bool) {
	t.Helper()
	err := s.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks JOIN pg_database ON oid = database
		WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted)`).Scan(&is)
	if err != nil {
		t.Error(err)
	}
	return is
}

// TestReplicasShareLanes has many senders of several processes lease deliveries of two lanes at
// once. Each delivery goes to one of them.
func TestReplicasShareLanes(t *testing.T) {
	t.Parallel()
	const all = 200
	url := newDatabase(t)
	stores := []*Store{openOn(t, url), openOn(t, url), openOn(t, url)}
	deliver(t, stores[0], "", all, time.Time{})
	var (
		mu      sync.Mutex
		leases  = map[string]int{}
		senders sync.WaitGroup
	)
	for n := range 64 {
		senders.Go(func() {
			s := stores[n%len(stores)]
			for {
				due, next, err := s.DueDeliveries(t.Context(), s.Now(), time.Hour, all, 5)
				if err != nil {
					t.Errorf("DueDeliveries = %v", err)
				}
				if len(due) == 0 && next.After(s.Now()) || err != nil {
					return
				}
				mu.Lock()
				for _, d := range due {
					leases[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	if len(leases) != all {
		t.Errorf("%d deliveries were leased, want %d", len(leases), all)
	}
	for id, n := range leases {
		if n != 1 {
			t.Errorf("delivery %s was leased %d times, want once", id, n)
		}
	}
}
