//go:build unix

package postgres

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

// crowd is how many goroutines work at once, on three stores of one database.
const crowd = 64

func replicas(t *testing.T) []*Store {
	t.Helper()
	address := with(t, newDatabase(t), "pool_max_conns", "8")
	return []*Store{openOn(t, address), openOn(t, address), openOn(t, address)}
}

// together calls f in each goroutine of the crowd.
func together(stores []*Store, f func(s *Store, n int)) {
	var all sync.WaitGroup
	for n := range crowd {
		all.Go(func() { f(stores[n%len(stores)], n) })
	}
	all.Wait()
}

// TestKeysAtOnce sends the same requests from everywhere, with each of what else an acceptance may
// wait for.
func TestKeysAtOnce(t *testing.T) {
	t.Parallel()
	const keys = 6
	for name, test := range map[string]struct {
		limit     int
		admission ledger.Admission
	}{
		"plain":          {0, ledger.Admission{}},
		"queued":         {1, ledger.Admission{}},
		"rejected":       {keys, ledger.Admission{Overflow: ledger.Rejecting}},
		"with a rate":    {0, ledger.Admission{Rates: []ledger.RateLimit{{Name: "caller", Quota: 10 * keys}}}},
		"under a budget": {0, ledger.Admission{Budgets: ledger.Budgets{List: []ledger.Budget{{Name: "all", Limit: ledger.Cost{VCPU: 1e9}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stores := replicas(t)
			test.admission.Now = at
			newcomer := func(n, key int) store.Newcomer {
				r := storetest.Waiting(1000*key + n)
				r.Key, r.Fingerprint, r.Labels = fmt.Sprint("key ", key), "f", map[string]string{"key": fmt.Sprint(key)}
				if test.limit > 0 {
					r.Slot, r.SlotLimit = "slot", test.limit
				}
				return store.Newcomer{Record: r, Admission: test.admission}
			}
			var (
				fresh atomic.Int32
				seen  sync.Map // answers by key
			)
			answer := func(key int, a store.Accepted, err error) {
				if err != nil {
					t.Errorf("Accept = %v", err)
					return
				}
				if !a.Replayed {
					fresh.Add(1)
				}
				if before, known := seen.LoadOrStore(key, a.Record.ID); known && before != a.Record.ID {
					t.Errorf("key %d is of %s and of %s", key, before, a.Record.ID)
				}
			}
			together(stores, func(s *Store, n int) {
				if n%4 == 3 { // a batch, forward or backward
					keyAt := func(i int) int { return (n + i*[]int{1, keys - 1}[n/4%2]) % keys }
					var batch []store.Newcomer
					for i := range keys {
						batch = append(batch, newcomer(n, keyAt(i)))
					}
					all, err := patiently(func() ([]store.AcceptedOrError, error) { return s.AcceptEach(t.Context(), batch) })
					if err != nil {
						t.Errorf("AcceptEach = %v", err)
					}
					for i, one := range all {
						answer(keyAt(i), one.Accepted, one.Err)
					}
					return
				}
				for i := range keys {
					key := (n + i) % keys
					one := newcomer(n, key)
					accepted, err := acceptPatiently(t, s, one)
					answer(key, accepted, err)
				}
			})
			if fresh.Load() != keys {
				t.Errorf("%d answers say that they are new, want %d", fresh.Load(), keys)
			}
			if n := count(t, stores[0], `SELECT count(*) FROM invocations`); n != keys {
				t.Errorf("%d rows, want %d", n, keys)
			}
		})
	}
}

// count returns the answer to a query for a number.
func count(t *testing.T, s *Store, query string, args ...any) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// patiently asks again as long as the machine is too busy to answer in time.
func patiently[T any](ask func() (T, error)) (answer T, err error) {
	for range 100 {
		if answer, err = ask(); runwith.CodeOf(err) != runwith.Unavailable {
			break
		}
	}
	return answer, err
}

func acceptPatiently(t *testing.T, s *Store, n store.Newcomer) (store.Accepted, error) {
	t.Helper()
	return patiently(func() (store.Accepted, error) { return s.Accept(t.Context(), n.Record, n.Admission) })
}

// takeOf takes nothing if the machine is too busy to answer in time.
func takeOf(s *Store, t *testing.T, q ledger.Take) []ledger.Record {
	t.Helper()
	q.Now, q.Call, q.Runs = at, time.Minute, "runs"
	taken, err := s.Take(t.Context(), q)
	if err != nil && runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("Take = %v", err)
	}
	return taken.Records
}

// TestQueueIsShared takes 500 rows. Each must be taken once.
func TestQueueIsShared(t *testing.T) {
	t.Parallel()
	const rows = 500
	stores := replicas(t)
	var all []store.Newcomer
	for n := range rows {
		r := storetest.Waiting(n)
		r.Job = fmt.Sprint("job ", n%3)
		if n%5 == 0 {
			r.Slot, r.SlotLimit = fmt.Sprint("slot ", n%20), rows
		}
		all = append(all, store.Newcomer{Record: r, Admission: ledger.Admission{Now: at}})
	}
	if _, err := stores[0].AcceptEach(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	var (
		taken sync.Map
		left  atomic.Int32
	)
	left.Store(rows)
	eventually.True(t, "all are taken", func() bool {
		together(stores, func(s *Store, n int) {
			for _, r := range takeOf(s, t, ledger.Take{Limit: 1 + n%16}) {
				if _, twice := taken.LoadOrStore(r.ID, true); twice {
					t.Errorf("%s was taken twice", r.ID)
				}
				left.Add(-1)
			}
		})
		return left.Load() <= 0
	})
	if n := count(t, stores[0], `SELECT count(*) FROM invocations WHERE state = 'starting' AND attempts = 1`); n != rows {
		t.Errorf("%d were started once, want %d", n, rows)
	}
}

// TestQuotasAreExact takes more than quota and rate allow at one moment.
func TestQuotasAreExact(t *testing.T) {
	t.Parallel()
	const rows = 200
	stores := replicas(t)
	var all []store.Newcomer
	for n := range rows {
		r := storetest.Waiting(n)
		r.Job = []string{"report", "slow"}[n%2]
		all = append(all, store.Newcomer{Record: r, Admission: ledger.Admission{Now: at}})
	}
	if _, err := stores[0].AcceptEach(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	var slow, total atomic.Int32
	together(stores, func(s *Store, n int) {
		for range 3 {
			for _, r := range takeOf(s, t, ledger.Take{Limit: 1 + n%5, Quota: 600, Rates: map[string]ledger.Quota{"slow": 90}}) {
				if total.Add(1); r.Job == "slow" {
					slow.Add(1)
				}
			}
		}
	})
	if total.Load() != 60 { // a full bucket has a tenth of the quota
		t.Errorf("%d were taken, want 60", total.Load())
	}
	if slow.Load() != 9 {
		t.Errorf("%d of the slow job were taken, want 9", slow.Load())
	}
}
