//go:build unix

package postgres

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/testneed"
)

// try plays a scenario once, and returns its fault.
func (g *stage) try(t *testing.T, c scenario, choose func(n int) int) (made, of []int, fault string) {
	t.Helper()
	if _, err := g.pool.Exec(t.Context(), `DELETE FROM invocations`); err != nil {
		t.Fatal(err)
	}
	add(t, g.Store, c.rows...)
	var seen answers
	made, of = g.play(t, c.actors(g, &seen), choose)
	return made, of, c.fault(t, g, &seen)
}

// tryAll plays a scenario in every order of its statements, until one has a fault. It returns the
// number of orders, and the fault.
func (g *stage) tryAll(t *testing.T, c scenario) (orders int, fault string) {
	t.Helper()
	for choices, more := []int(nil), true; more; {
		made, of, fault := g.try(t, c, first(choices))
		if orders++; fault != "" || t.Failed() {
			return orders, fmt.Sprintf("%s (order %v)", fault, made)
		}
		choices, more = next(made, of)
	}
	return orders, ""
}

// TestSlotsInEveryOrder plays the scenarios in every order of their statements.
func TestSlotsInEveryOrder(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for name, c := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			orders, fault := newStage(t, true).tryAll(t, c)
			if fault != "" {
				t.Error(fault)
			}
			t.Logf("%d orders", orders)
		})
	}
}

// TestSlotsInRandomOrders plays more calls at once than there is time to try all orders of.
func TestSlotsInRandomOrders(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	g := newStage(t, true)
	crowd := scenario{
		rows: []ledger.Record{runs(0), parked(1), slotted(2)},
		actors: func(g *stage, seen *answers) []*actor {
			return []*actor{
				taking(g, "take"), taking(g, "take again"), ending(g, runs(0)), withdrawing(g, parked(1)),
				accepting(g, seen, 3, "", ledger.Queueing), moving(g, "cancel", slotted(2), slotted(2).Cancelled(at, nil)),
			}
		},
		fault: forgotten,
	}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		made, _, fault := g.try(t, crowd, random.IntN)
		if fault != "" || t.Failed() {
			t.Fatalf("seed %d: %s (order %v)", seed, fault, made)
		}
	}
}

// TestOrdersFindMissingLocks checks that each scenario goes wrong in some order if slots have no
// locks, unless something else makes it safe.
func TestOrdersFindMissingLocks(t *testing.T) {
	t.Parallel()
	for name, c := range scenarios() {
		if c.safe {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			orders, fault := newStage(t, false).tryAll(t, c)
			if fault == "" {
				t.Errorf("no fault in any of %d orders, although slots have no locks", orders)
			}
			t.Logf("order %d: %s", orders, fault)
		})
	}
}
