//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestSlotsUnderLoad accepts, takes and ends invocations that share few slots. No slot is ever
// exceeded, and none of those that wait is forgotten.
func TestSlotsUnderLoad(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for _, overflow := range []ledger.Overflow{ledger.Queueing, ledger.Rejecting, ledger.Replacing} {
		t.Run(string(overflow), func(t *testing.T) {
			t.Parallel()
			slotsUnderLoad(t, replicas(t), overflow)
		})
	}
}

func slotsUnderLoad(t *testing.T, stores []*Store, overflow ledger.Overflow) {
	const limit, keys, each = 2, 3, 4
	const exceeded = `SELECT count(*) FROM (SELECT slot FROM invocations WHERE slot <> '' AND finished = 'epoch' AND ` + isHolding + ` GROUP BY slot HAVING count(*) > $1) AS slots`
	work := func(s *Store) {
		for _, r := range takeOf(s, t, ledger.Take{Limit: 3}) {
			if n := count(t, s, exceeded, limit); n > 0 {
				t.Errorf("%d slots are exceeded", n)
			}
			finish(t, s, r)
		}
	}
	together(stores, func(s *Store, n int) {
		for i := range each {
			r := storetest.Waiting(each*n + i)
			r.Slot, r.SlotLimit = fmt.Sprint("slot ", n%keys), limit
			_, err := acceptPatiently(t, s, store.Newcomer{Record: r, Admission: ledger.Admission{Now: at, Overflow: overflow}})
			if err != nil && (overflow != ledger.Rejecting || runwith.CodeOf(err) != runwith.Aborted) {
				t.Errorf("Accept = %v", err)
			}
			if n%3 > 0 {
				work(s)
			}
		}
	})
	eventually.True(t, "nothing waits", func() bool {
		work(stores[0])
		return count(t, stores[0], `SELECT count(*) FROM invocations WHERE `+isWaiting) == 0
	})
	if n := count(t, stores[0], `SELECT count(*) FROM invocations WHERE finished = 'epoch'`); n > 0 {
		t.Errorf("%d have not ended", n)
	}
}

// finish has a taken row run and end, or leaves that to the next try if the row has changed.
func finish(t *testing.T, s *Store, r ledger.Record) {
	t.Helper()
	for _, to := range []func(ledger.Record) ledger.Record{
		func(r ledger.Record) ledger.Record {
			return r.Adopted("execution of "+r.ID, ledger.Status{State: runwith.StateRunning})
		},
		func(r ledger.Record) ledger.Record {
			return r.Observed(ledger.Status{State: runwith.StateSucceeded}, at)
		},
	} {
		for {
			now, err := patiently(func() (ledger.Record, error) { return s.Find(t.Context(), r.ID) })
			if err != nil {
				t.Errorf("Find = %v", err)
				return
			}
			_, err = patiently(func() (ledger.Record, error) { return s.Move(t.Context(), ledger.Move{From: now, To: to(now)}) })
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrStale) {
				t.Errorf("Move = %v", err)
				return
			}
		}
	}
}
