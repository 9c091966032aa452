package callback

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// memory is an outbox without a disk, for tests under a fake clock.
type memory struct {
	mu     sync.Mutex
	rows   map[string]ledger.Delivery
	order  []string // IDs, oldest first
	health map[string]ledger.Endpoint

	settleFault func() error // fails SettleDeliveries
	shared      bool         // other processes may use it
}

func newMemory() *memory {
	return &memory{rows: map[string]ledger.Delivery{}, health: map[string]ledger.Endpoint{}}
}

func (m *memory) add(rows ...ledger.Delivery) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range rows {
		m.rows[d.ID] = d
		m.order = append(m.order, d.ID)
	}
}

func (m *memory) row(id string) ledger.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[id]
}

func (m *memory) healthOf(lane string) ledger.Endpoint {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.health[lane]
}

func (m *memory) count(state ledger.DeliveryState) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.rows {
		if d.State == state {
			n++
		}
	}
	return n
}

func (m *memory) DueDeliveries(_ context.Context, now time.Time, lease time.Duration, perLane, limit int) (due []ledger.Delivery, next time.Time, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	leased := map[string]int{}
	for _, d := range m.rows {
		if d.State == ledger.DeliveryPending && d.Lease.After(now) {
			leased[d.Lane()]++
			next = ledger.Sooner(d.Lease, next)
		}
	}
	for _, id := range m.order {
		d := m.rows[id]
		if d.State != ledger.DeliveryPending || d.Lease.After(now) || !m.health[d.Lane()].DisabledAt.IsZero() {
			continue
		}
		if d.NextAttempt.After(now) {
			next = ledger.Sooner(d.NextAttempt, next)
			continue
		}
		if leased[d.Lane()] >= perLane || len(due) == limit {
			continue
		}
		leased[d.Lane()]++
		d.Lease = now.Add(lease)
		m.rows[id] = d
		due = append(due, d)
	}
	return due, next, nil
}

func (m *memory) SettleDeliveries(_ context.Context, deliveries []ledger.Delivery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.settleFault != nil {
		if err := m.settleFault(); err != nil {
			return err
		}
	}
	for _, d := range deliveries {
		if row := m.rows[d.ID]; row.State == ledger.DeliveryPending && row.Lease.Equal(d.Lease) {
			d.Lease = time.Time{}
			m.rows[d.ID] = d
		}
	}
	return nil
}

func (m *memory) Deliveries(_ context.Context, q store.DeliveryQuery) (found []ledger.Delivery, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	past := q.Before == ""
	for _, id := range slices.Backward(m.order) {
		d := m.rows[id]
		if past && (q.Invocation == "" || q.Invocation == d.Invocation) && (q.Endpoint == "" || q.Endpoint == d.Endpoint) && (q.Lane == "" || q.Lane == d.Lane()) &&
			(q.State == "" || q.State == d.State) && len(found) < q.Limit {
			found = append(found, d)
		}
		past = past || id == q.Before
	}
	return found, nil
}

func (m *memory) Delivery(_ context.Context, id string) (ledger.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.rows[id]; ok {
		return d, nil
	}
	return ledger.Delivery{}, store.NotFound("delivery " + id)
}

func (m *memory) Replay(_ context.Context, ids []string, now time.Time) (n int, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		d, ok := m.rows[id]
		if !ok || d.Lease.After(now) {
			continue
		}
		d.State, d.Attempts, d.NextAttempt, d.Ended, d.Lease = ledger.DeliveryPending, 0, time.Time{}, time.Time{}, time.Time{}
		m.rows[id] = d
		n++
	}
	return n, nil
}

func (m *memory) Endpoints(context.Context) ([]ledger.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]ledger.Endpoint{}
	for name, h := range m.health {
		h.Pending = 0
		all[name] = h
	}
	for _, d := range m.rows {
		if d.State == ledger.DeliveryPending {
			h := all[d.Lane()]
			h.Name = d.Lane()
			h.Pending++
			all[d.Lane()] = h
		}
	}
	list := []ledger.Endpoint{}
	for _, h := range all {
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b ledger.Endpoint) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

func (m *memory) Alone() bool { return !m.shared }

func (m *memory) Now() time.Time { return time.Now() }

func (m *memory) Added() <-chan struct{} { return nil }

func (m *memory) SaveEndpoint(_ context.Context, e ledger.Endpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.health[e.Name].DisabledAt.IsZero() {
		return nil
	}
	if m.health[e.Name] = e; e.FailingSince.IsZero() && e.DisabledAt.IsZero() {
		delete(m.health, e.Name)
	}
	return nil
}

func (m *memory) EnableEndpoint(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.health, name)
	return nil
}

var _ Store = (*memory)(nil)
