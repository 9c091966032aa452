package callback

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	rawsqlite "github.com/runwith/runwith/internal/sqlite"
)

// mortal is a store whose process can be killed: then it takes no writes any more.
type mortal struct {
	Store
	dead atomic.Bool
}

func (m *mortal) SettleDeliveries(ctx context.Context, d []ledger.Delivery) error {
	if m.dead.Load() {
		return errors.New("killed")
	}
	return m.Store.SettleDeliveries(ctx, d)
}

func (m *mortal) SaveEndpoint(ctx context.Context, e ledger.Endpoint) error {
	if m.dead.Load() {
		return errors.New("killed")
	}
	return m.Store.SaveEndpoint(ctx, e)
}

func openStore(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "invoker.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// addRows adds deliveries as the moves of invocations do.
func addRows(t *testing.T, s *sqlite.Store, endpoint string, n int) {
	t.Helper()
	err := s.DB().Write(t.Context(), func(tx *rawsqlite.Tx) error {
		_, err := tx.Exec(`INSERT INTO deliveries (id, invocation, job, principal, endpoint, url, lane, event, payload, state, attempts,
				created, next_attempt, lease, due, ended, last_status, last_error)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			SELECT printf('evt_%s%d', ?2, i), 'inv-1', 'nightly', '', ?2, '', ?2, 'invocation.failed', CAST(?3 AS BLOB), 'pending', 0, 0, 0, 0, 0, 0, 0, '' FROM n`,
			n, endpoint, body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Servers are killed again and again between attempts and their results. Each event arrives at
// least once, and none that is not in the store.
func TestKilledServersLoseNoEvent(t *testing.T) {
	t.Parallel()
	const n, kills = 1000, 20
	s := openStore(t)
	addRows(t, s, "docs", n)
	addRows(t, s, "other", n)
	var mu sync.Mutex
	received := map[string]int{}
	receive := answers(func(_ context.Context, d ledger.Delivery) outcome {
		mu.Lock()
		defer mu.Unlock()
		received[d.ID]++
		return ok()
	})
	for range kills {
		if _, err := s.Recover(t.Context(), time.Now(), time.Second); err != nil {
			t.Fatal(err)
		}
		m := &mortal{Store: s}
		sender, err := Open(t.Context(), Config{Store: m, Endpoints: endpoints(t, "docs", "other"), attempt: receive.attempt})
		if err != nil {
			t.Fatal(err)
		}
		before := total(&mu, received)
		eventually.True(t, "some events have arrived", func() bool { return total(&mu, received) > before+20 || pending(t, s) == 0 })
		m.dead.Store(true)
		sender.Close()
	}
	if _, err := s.Recover(t.Context(), time.Now(), time.Second); err != nil {
		t.Fatal(err)
	}
	sender, err := Open(t.Context(), Config{Store: s, Endpoints: endpoints(t, "docs", "other"), attempt: receive.attempt})
	if err != nil {
		t.Fatal(err)
	}
	sender.Deliver(t.Context())
	sender.Close()
	if left := pending(t, s); left != 0 {
		t.Errorf("%d deliveries are still pending", left)
	}
	if len(received) != 2*n {
		t.Errorf("%d events arrived, want %d", len(received), 2*n)
	}
	for id := range received {
		if d, err := s.Delivery(t.Context(), id); err != nil || d.State != ledger.DeliveryDelivered {
			t.Errorf("event %s arrived, and its delivery is %+v, %v", id, d, err)
		}
	}
}

func total(mu *sync.Mutex, received map[string]int) (n int) {
	mu.Lock()
	defer mu.Unlock()
	for _, times := range received {
		n += times
	}
	return n
}

func pending(t *testing.T, s *sqlite.Store) (n int) {
	t.Helper()
	lanes, err := s.Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range lanes {
		n += lane.Pending
	}
	return n
}
