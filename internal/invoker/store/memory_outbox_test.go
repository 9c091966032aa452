package store_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

func (m *memory) DueDeliveries(_ context.Context, now time.Time, lease time.Duration, perLane, limit int) (_ []ledger.Delivery, next time.Time, err error) {
	defer m.lock()()
	lanes, leased := map[string][]ledger.Delivery{}, map[string]int{}
	for _, d := range m.outbox {
		switch {
		case d.State != ledger.DeliveryPending || !m.health[d.Lane()].DisabledAt.IsZero():
		case !d.Due().After(now):
			lanes[d.Lane()] = append(lanes[d.Lane()], d)
		default:
			next = ledger.Sooner(next, d.Due())
			if d.Lease.After(now) {
				leased[d.Lane()]++
			}
		}
	}
	var byLane [][]ledger.Delivery
	for _, lane := range slices.Sorted(maps.Keys(lanes)) {
		slices.SortStableFunc(lanes[lane], func(a, b ledger.Delivery) int { return a.Due().Compare(b.Due()) })
		byLane = append(byLane, lanes[lane][:max(0, min(len(lanes[lane]), perLane-leased[lane]))])
	}
	taken := ledger.TakeTurns(byLane, limit)
	for i := range taken {
		taken[i].Lease = ledger.Stored(now.Add(lease))
		m.putDelivery(taken[i])
	}
	return taken, next, nil
}

func (m *memory) delivery(id string) int {
	return slices.IndexFunc(m.outbox, func(d ledger.Delivery) bool { return d.ID == id })
}

func (m *memory) putDelivery(d ledger.Delivery) { m.outbox[m.delivery(d.ID)] = d }

func (m *memory) SettleDeliveries(_ context.Context, settled []ledger.Delivery) error {
	defer m.lock()()
	for _, d := range settled {
		if i := m.delivery(d.ID); i >= 0 && m.outbox[i].State == ledger.DeliveryPending && m.outbox[i].Lease.Equal(d.Lease) {
			d.Lease = time.Time{}
			m.outbox[i] = d
		}
	}
	return nil
}

func (m *memory) Deliveries(_ context.Context, q store.DeliveryQuery) (found []ledger.Delivery, err error) {
	defer m.lock()()
	older := q.Before == ""
	for _, d := range slices.Backward(m.outbox) {
		if older && len(found) < q.Limit && (q.Invocation == "" || d.Invocation == q.Invocation) &&
			(q.Endpoint == "" || d.Endpoint == q.Endpoint) && (q.Lane == "" || d.Lane() == q.Lane) && (q.State == "" || d.State == q.State) {
			found = append(found, d)
		}
		older = older || d.ID == q.Before
	}
	return found, nil
}

func (m *memory) Delivery(_ context.Context, id string) (ledger.Delivery, error) {
	defer m.lock()()
	if i := m.delivery(id); i >= 0 {
		return m.outbox[i], nil
	}
	return ledger.Delivery{}, store.NotFound(id)
}

func (m *memory) Replay(_ context.Context, ids []string, now time.Time) (n int, err error) {
	defer m.lock()()
	for _, id := range ids {
		if i := m.delivery(id); i >= 0 && !m.outbox[i].Lease.After(now) {
			d := m.outbox[i]
			d.State, d.Attempts, d.NextAttempt = ledger.DeliveryPending, 0, now
			d.Lease, d.Ended, d.LastStatus, d.LastError = time.Time{}, time.Time{}, 0, ""
			m.outbox[i] = d
			n++
		}
	}
	return n, nil
}

func (m *memory) Endpoints(context.Context) (all []ledger.Endpoint, err error) {
	defer m.lock()()
	found := maps.Clone(m.health)
	for _, d := range m.outbox {
		if d.State == ledger.DeliveryPending {
			e := found[d.Lane()]
			e.Name = d.Lane()
			e.Pending++
			found[e.Name] = e
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		all = append(all, found[name])
	}
	return all, nil
}

func (m *memory) SaveEndpoint(_ context.Context, e ledger.Endpoint) error {
	defer m.lock()()
	if !m.health[e.Name].DisabledAt.IsZero() {
		return nil
	}
	e.Pending = 0
	if m.health[e.Name] = e; e.FailingSince.IsZero() && e.DisabledAt.IsZero() {
		delete(m.health, e.Name)
	}
	return nil
}

func (m *memory) EnableEndpoint(_ context.Context, name string) error {
	defer m.lock()()
	delete(m.health, name)
	return nil
}

// Added never receives. The sender asks again by itself.
func (m *memory) Added() <-chan struct{} { return nil }
