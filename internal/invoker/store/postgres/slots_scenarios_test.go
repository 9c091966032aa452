//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

// scenario is a few calls at once that want the only slot of a concurrency key.
type scenario struct {
	rows   []ledger.Record // before the calls
	actors func(g *stage, seen *answers) []*actor
	// fault describes a fault afterwards; empty: there is none.
	fault func(t *testing.T, g *stage, seen *answers) string
	// safe means that it holds without the locks of slots too.
	safe bool
}

// answers are what the calls of a scenario returned.
type answers struct {
	mu       sync.Mutex
	accepted []string // IDs
	refused  int
}

func (seen *answers) add(id string, err error) error {
	seen.mu.Lock()
	defer seen.mu.Unlock()
	switch runwith.CodeOf(err) {
	case runwith.OK:
		seen.accepted = append(seen.accepted, id)
	case runwith.Aborted:
		seen.refused++
	default:
		return err
	}
	return nil
}

var at = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// slotted returns a record that waits for the only slot.
func slotted(n int) ledger.Record {
	r := storetest.Waiting(n)
	r.Slot, r.SlotLimit = "slot", 1
	return r
}

// runs returns a record that has the slot.
func runs(n int) ledger.Record {
	r := slotted(n)
	r.State, r.Execution, r.Month = runwith.StateRunning, fmt.Sprint("execution ", n), 202603
	return r
}

func parked(n int) ledger.Record {
	r := slotted(n)
	r.State, r.Parked, r.Month = runwith.StateQueued, true, 202603
	return r
}

func taking(g *stage, name string) *actor {
	return &actor{name: name, do: func(ctx context.Context) error {
		_, err := g.Take(ctx, ledger.Take{Now: at, Call: time.Minute, Limit: 1, Runs: "runs"})
		return err
	}}
}

func accepting(g *stage, seen *answers, n int, key string, o ledger.Overflow) *actor {
	return &actor{name: fmt.Sprint("accept ", n), do: func(ctx context.Context) error {
		r := slotted(n)
		r.Key = key
		accepted, err := g.Accept(ctx, r, ledger.Admission{Now: at, Overflow: o})
		return seen.add(accepted.Record.ID, err)
	}}
}

// moving makes a move, unless another one was faster.
func moving(g *stage, name string, from, to ledger.Record) *actor {
	return &actor{name: name, do: func(ctx context.Context) error {
		_, err := g.Move(ctx, ledger.Move{From: from, To: to})
		if errors.Is(err, store.ErrStale) {
			return nil
		}
		return err
	}}
}

func withdrawing(g *stage, r ledger.Record) *actor {
	return &actor{name: "withdraw " + r.ID, do: func(ctx context.Context) error {
		_, err := g.Withdraw(ctx, r.ID)
		return err
	}}
}

func ending(g *stage, r ledger.Record) *actor {
	return moving(g, "end "+r.ID, r, r.Observed(ledger.Status{State: runwith.StateSucceeded}, at))
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"a slot is released while a row is parked": {
			rows:   []ledger.Record{runs(0), slotted(1)},
			actors: func(g *stage, _ *answers) []*actor { return []*actor{taking(g, "take"), ending(g, runs(0))} },
			fault:  forgotten,
		},
		"a slot is released while a newcomer is parked": {
			rows: []ledger.Record{runs(0)},
			actors: func(g *stage, seen *answers) []*actor {
				return []*actor{accepting(g, seen, 1, "", ledger.Queueing), ending(g, runs(0))}
			},
			fault: forgotten,
		},
		"two newcomers, of which one is rejected": {
			actors: func(g *stage, seen *answers) []*actor {
				return []*actor{accepting(g, seen, 0, "", ledger.Rejecting), accepting(g, seen, 1, "", ledger.Rejecting)}
			},
			fault: func(_ *testing.T, _ *stage, seen *answers) string {
				if len(seen.accepted) != 1 || seen.refused != 1 {
					return fmt.Sprintf("%d were accepted and %d refused, want 1 and 1", len(seen.accepted), seen.refused)
				}
				return ""
			},
		},
		"two processes take from the queue": {
			rows:   []ledger.Record{slotted(0), slotted(1)},
			actors: func(g *stage, _ *answers) []*actor { return []*actor{taking(g, "take"), taking(g, "take again")} },
			fault:  forgotten,
		},
		"a newcomer is accepted while another process takes": {
			rows: []ledger.Record{slotted(0)},
			actors: func(g *stage, seen *answers) []*actor {
				return []*actor{accepting(g, seen, 1, "", ledger.Replacing), taking(g, "take")}
			},
			fault: replaced,
			safe:  true, // the locks of rows are enough
		},
		"the next one is cancelled while the slot is released": {
			rows: []ledger.Record{runs(0), parked(1), parked(2)},
			actors: func(g *stage, _ *answers) []*actor {
				return []*actor{moving(g, "cancel", parked(1), parked(1).Cancelled(at, nil)), ending(g, runs(0))}
			},
			fault: forgotten,
		},
		"the next one is withdrawn while the slot is released": {
			rows: []ledger.Record{runs(0), parked(1), parked(2)},
			actors: func(g *stage, _ *answers) []*actor {
				return []*actor{withdrawing(g, parked(1)), ending(g, runs(0))}
			},
			fault: forgotten,
		},
		"the same request twice": {
			actors: func(g *stage, seen *answers) []*actor {
				return []*actor{accepting(g, seen, 0, "key", ledger.Rejecting), accepting(g, seen, 1, "key", ledger.Rejecting)}
			},
			fault: func(_ *testing.T, _ *stage, seen *answers) string {
				if len(seen.accepted) != 2 || seen.accepted[0] != seen.accepted[1] {
					return fmt.Sprintf("accepted = %v, and %d refused, want the same twice", seen.accepted, seen.refused)
				}
				return ""
			},
			safe: true, // the index of keys is enough
		},
	}
}

// forgotten describes a fault of the slot: more than one row has it, or it is free and no
// process takes the row that waits for it.
func forgotten(t *testing.T, g *stage, _ *answers) string {
	t.Helper()
	taken, err := g.Take(t.Context(), ledger.Take{Now: at, Call: time.Minute, Limit: 1, Runs: "runs"})
	if err != nil {
		t.Fatal(err)
	}
	var holding, waiting int
	err = g.pool.QueryRow(t.Context(), `SELECT (`+countHeld+`), (SELECT count(*) FROM invocations WHERE `+isWaiting+`)`, "slot").Scan(&holding, &waiting)
	if err != nil {
		t.Fatal(err)
	}
	if holding > 1 || holding == 0 && waiting > 0 {
		return fmt.Sprintf("%d have the slot, %d wait, and Take took %d, want one to have it", holding, waiting, len(taken.Records))
	}
	return ""
}

// replaced describes a fault after the second row was to replace the first one.
func replaced(t *testing.T, g *stage, seen *answers) string {
	t.Helper()
	old, err := g.Find(t.Context(), slotted(0).ID)
	if err != nil {
		t.Fatal(err)
	}
	if old.State != runwith.StateCancelled && old.CancelRequested.IsZero() {
		return fmt.Sprintf("the first one is %s, want it cancelled", old.State)
	}
	return forgotten(t, g, seen)
}
