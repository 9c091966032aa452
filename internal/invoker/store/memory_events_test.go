package store_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// refused keeps refused events, oldest first.
type refused []ledger.RefusedEvent

func (all refused) index(same func(ledger.RefusedEvent) bool) int {
	return slices.IndexFunc(all, same)
}

// change changes the waiting event that is the same, if there is one.
func (all refused) change(same func(ledger.RefusedEvent) bool, by func(*ledger.RefusedEvent)) {
	if i := all.index(same); i >= 0 && all[i].Waits() {
		by(&all[i])
	}
}

func (m *memory) AddEvent(_ context.Context, e ledger.RefusedEvent) (_ ledger.RefusedEvent, dropped int, err error) {
	defer m.lock()()
	e, e.Seen = e.Bounded(), 1
	same := func(o ledger.RefusedEvent) bool { return o.Trigger == e.Trigger && o.Event == e.Event && e.Event != "" }
	if i := m.refused.index(same); i >= 0 {
		before := m.refused[i]
		if before.Waits() {
			e.ID, e.Received = before.ID, before.Received
		} else {
			e = before
		}
		e.Seen = before.Seen + 1
		m.refused[i] = e
		return e, 0, nil
	}
	m.refused = append(m.refused, e)
	slices.SortFunc(m.refused, func(a, b ledger.RefusedEvent) int { return cmp.Compare(a.ID, b.ID) })
	return e, m.dropOldest(e.Trigger), nil
}

func (m *memory) dropOldest(trigger string) (dropped int) {
	kept := map[bool]int{}
	for i, e := range slices.Backward(m.refused) {
		if e.Trigger != trigger {
			continue
		}
		if kept[e.Waits()]++; kept[e.Waits()] > ledger.MaxEvents {
			m.refused = slices.Delete(m.refused, i, i+1)
			if e.Waits() {
				dropped++
			}
		}
	}
	return dropped
}

func (q matching) event(e ledger.RefusedEvent) bool {
	return (q.Trigger == "" || e.Trigger == q.Trigger) && (q.Jobs == nil || slices.Contains(q.Jobs, e.Job)) &&
		(q.Before == "" || e.ID < q.Before) && (!q.Waiting || e.Waits())
}

type matching store.EventQuery

func (m *memory) Events(_ context.Context, q store.EventQuery) (found []ledger.RefusedEvent, err error) {
	defer m.lock()()
	for _, e := range slices.Backward(m.refused) {
		if len(found) < q.Limit && matching(q).event(e) {
			e.Header, e.Body = nil, nil
			found = append(found, e)
		}
	}
	return found, nil
}

func (m *memory) Triggered(_ context.Context, q store.EventQuery) (found []ledger.Record, err error) {
	defer m.lock()()
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(m.rows))) {
		r := m.row(id)
		if r.Source != nil && r.Source.Trigger != "" && len(found) < q.Limit &&
			matching(q).event(ledger.RefusedEvent{ID: r.ID, Trigger: r.Source.Trigger, Job: r.Job}) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (m *memory) Event(_ context.Context, id string) (ledger.RefusedEvent, error) {
	defer m.lock()()
	if i := m.refused.index(func(e ledger.RefusedEvent) bool { return e.ID == id }); i >= 0 {
		return m.refused[i], nil
	}
	return ledger.RefusedEvent{}, store.NotFound(id)
}

func (m *memory) RefuseEvent(_ context.Context, id, code, message string) error {
	defer m.lock()()
	m.refused.change(func(e ledger.RefusedEvent) bool { return e.ID == id }, func(e *ledger.RefusedEvent) { e.Code, e.Message = code, message })
	return nil
}

func (m *memory) SettleEvent(_ context.Context, id, invocation string, now time.Time) error {
	defer m.lock()()
	m.refused.change(func(e ledger.RefusedEvent) bool { return e.ID == id }, func(e *ledger.RefusedEvent) { e.Retried, e.Ended = invocation, now })
	return nil
}

// settleEventOf settles the event for which an invocation was accepted.
func (m *memory) settleEventOf(r ledger.Record, now time.Time) {
	if s := r.Source; s != nil && s.Trigger != "" && s.Event != "" {
		m.refused.change(func(e ledger.RefusedEvent) bool { return e.Trigger == s.Trigger && e.Event == s.Event },
			func(e *ledger.RefusedEvent) { e.Retried, e.Ended = r.ID, now })
	}
}

// unsettleEventOf makes the event of a withdrawn invocation wait again.
func (m *memory) unsettleEventOf(id string) {
	if i := m.refused.index(func(e ledger.RefusedEvent) bool { return e.Retried == id }); i >= 0 {
		m.refused[i].Retried, m.refused[i].Ended = "", time.Time{}
	}
}

func (m *memory) WaitingEvents(context.Context) (map[string]int, error) {
	defer m.lock()()
	counts := map[string]int{}
	for _, e := range m.refused {
		if e.Waits() {
			counts[e.Trigger]++
		}
	}
	return counts, nil
}

func (m *memory) TidyEvents(_ context.Context, now time.Time, limit int) (removed int, err error) {
	defer m.lock()()
	m.refused = slices.DeleteFunc(m.refused, func(e ledger.RefusedEvent) bool {
		old := removed < limit && e.Received.Before(now.Add(-ledger.EventKept))
		if old {
			removed++
		}
		return old
	})
	return removed, nil
}
