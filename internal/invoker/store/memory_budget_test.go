package store_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// spent adds up what is taken of a share. The moves count as made.
func (m *memory) spent(s ledger.Share, moves []ledger.Move) (spent ledger.Spent) {
	for _, r := range m.rows {
		if i := slices.IndexFunc(moves, func(move ledger.Move) bool { return move.From.ID == r.ID }); i >= 0 {
			r = moves[i].To
		}
		if r.Reserves() && slices.Contains((ledger.Budgets{List: []ledger.Budget{s.Budget}}).Shares(r, r.Month), s) {
			spent.Reserved = spent.Reserved.Plus(r.Worst)
		}
	}
	for _, u := range m.usage {
		if slices.Contains((ledger.Budgets{List: []ledger.Budget{s.Budget}}).Shares(u.Record, u.Month()), s) {
			spent.Used = spent.Used.Plus(u.Cost)
		}
	}
	return spent
}

// rooms returns the shares that a record needs a part of.
func (m *memory) rooms(b ledger.Budgets, r ledger.Record, moves []ledger.Move) (rooms []ledger.Room) {
	for _, s := range b.Shares(r, r.BudgetMonth(m.now)) {
		ahead := m.where(1, func(o ledger.Record) bool {
			return o.Held() && o.Budget == s.Scope.String() && o.ID < r.ID && o.BudgetMonth(m.now) == s.Month
		})
		rooms = append(rooms, ledger.Room{Share: s, Spent: m.spent(s, moves), Ahead: len(ahead) > 0})
	}
	return rooms
}

// admit gives a newcomer its month, lets it wait for a budget, or refuses it.
func (m *memory) admit(r ledger.Record, a ledger.Admission, moves []ledger.Move) (ledger.Record, error) {
	r, full, err := a.Reserve(r, m.rooms(a.Budgets, r, moves))
	if full != nil {
		m.tell(a.Budgets.Reached(full.Share, full.Spent, true, m.now))
	}
	return r, err
}

// tell adds the deliveries that are new.
func (m *memory) tell(events []ledger.Delivery) {
	for _, d := range events {
		if !slices.ContainsFunc(m.outbox, func(o ledger.Delivery) bool { return o.ID == d.ID }) {
			m.outbox = append(m.outbox, d)
		}
	}
}

// reserve looks at all that wait for a budget until nothing changes, and returns the refusals.
func (m *memory) reserve(t ledger.Take) (refused []ledger.Move, err error) {
	for again := true; again; {
		again = false
		for _, r := range m.where(-1, ledger.Record.Reservable) {
			to, wait := ledger.Reserved(r, m.rooms(t.Budgets, r, nil), m.now)
			if wait != "" {
				r.Budget = wait
				m.put(r)
				continue
			}
			again = true
			moved, err := m.move(ledger.Move{From: r, To: to})
			if err != nil {
				return nil, err
			}
			if moved.State == runwith.StateRefused {
				refused = append(refused, ledger.Move{From: r, To: moved})
			}
		}
	}
	return refused, nil
}

func (m *memory) Shares(_ context.Context, budgets []ledger.Budget, month, limit int) (states []store.ShareState, _ error) {
	defer m.lock()()
	for _, b := range budgets {
		shares := []ledger.Share{{Budget: b, Month: month}}
		if b.Each {
			shares = m.sharesOfEach(b, month, limit)
		}
		for _, s := range shares {
			held := m.where(-1, func(r ledger.Record) bool { return r.Held() && r.Budget == s.Scope.String() })
			states = append(states, store.ShareState{Share: s, Spent: m.spent(s, nil), Waiting: len(held)})
		}
	}
	return states, nil
}

func (m *memory) sharesOfEach(b ledger.Budget, month, limit int) (shares []ledger.Share) {
	values := map[string]bool{}
	for _, r := range m.rows {
		if value, labelled := r.Labels[b.Label]; labelled && r.Month == month {
			values[value] = true
		}
	}
	for _, u := range m.usage {
		if value, labelled := u.Record.Labels[b.Label]; labelled && u.Month() == month {
			values[value] = true
		}
	}
	for _, value := range slices.Sorted(maps.Keys(values)) {
		if b.Value = value; len(shares) < limit {
			shares = append(shares, ledger.Share{Budget: b, Month: month})
		}
	}
	return shares
}

func (m *memory) Rooms(_ context.Context, r ledger.Record, b ledger.Budgets, now time.Time) ([]ledger.Room, error) {
	defer m.lock()()
	m.now = ledger.Later(m.now, now)
	return m.rooms(b, r, nil), nil
}
