//go:build unix

package postgres

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/storetest"
)

// transcript notes round trips: the beginning of each statement, or batch.
type transcript struct {
	mu   sync.Mutex
	said []string
}

func (s *transcript) say(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, what[:min(len(what), 6)])
}

func (s *transcript) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.say(data.SQL)
	return ctx
}

func (s *transcript) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	s.say("batch")
	return ctx
}

func (*transcript) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (*transcript) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*transcript) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// after returns what f has said.
func (s *transcript) after(f func()) []string {
	s.said = nil
	f()
	return s.said
}

// TestRoundTripsOfAccept counts the round trips of each kind of newcomer.
func TestRoundTripsOfAccept(t *testing.T) {
	t.Parallel()
	var said transcript
	s := openBare(t, newDatabase(t), func(c *pgx.ConnConfig) { c.Tracer = &said })
	keyed, labelled, both, asleep := storetest.Waiting(1), storetest.Waiting(2), storetest.Waiting(3), slotted(4)
	keyed.Key, both.Key = "a", "b"
	labelled.Labels = map[string]string{"tenant": "acme", "zone": ""}
	both.Labels = labelled.Labels
	asleep.StartAt = at.Add(time.Hour)
	repeat := keyed
	repeat.ID = "id-009"
	transaction := []string{"BEGIN;", "SELECT", "batch", "batch", "commit"}
	for _, test := range []struct {
		name   string
		record ledger.Record
		want   []string
	}{
		{"plain", storetest.Waiting(0), []string{"INSERT"}},
		{"with a key", keyed, []string{"INSERT"}},
		{"with labels", labelled, []string{"WITH a"}},
		{"with both", both, []string{"WITH a"}},
		{"with a slot, later", asleep, []string{"INSERT"}},
		{"with a slot", slotted(5), transaction},
		{"repeated", repeat, []string{"INSERT", "BEGIN;", "batch", "commit"}},
	} {
		got := said.after(func() {
			accepted, err := s.Accept(t.Context(), test.record, ledger.Admission{Now: at})
			if repeats := test.name == "repeated"; err != nil || accepted.Replayed != repeats {
				t.Errorf("%s: Accept = replayed %t, %v", test.name, accepted.Replayed, err)
			}
		})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if n := count(t, s, `SELECT count(*) FROM labels WHERE month = 202603`); n != 4 {
		t.Errorf("%d labels are stored, want 4", n)
	}
}

// TestCommitsOfAStart counts the transactions from an acceptance until the job is known to run. What
// runs without a transaction is one too.
func TestCommitsOfAStart(t *testing.T) {
	t.Parallel()
	var said transcript
	s := openBare(t, newDatabase(t), func(c *pgx.ConnConfig) { c.Tracer = &said })
	start := func(r ledger.Record) {
		if _, err := s.Accept(t.Context(), r, ledger.Admission{Now: at}); err != nil {
			t.Fatal(err)
		}
		taken, err := s.Take(t.Context(), ledger.Take{Now: at, Call: time.Minute, Limit: 1, Runs: "runs", Quota: 60})
		if err != nil || len(taken.Records) != 1 {
			t.Fatalf("Take = %d records, %v", len(taken.Records), err)
		}
		_, err = s.Move(t.Context(), ledger.Move{From: taken.Records[0], To: taken.Records[0].Adopted("execution of "+r.ID, ledger.Status{State: runwith.StateRunning})})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, r := range map[string]ledger.Record{"plain": storetest.Waiting(0), "with a slot": slotted(1)} {
		got := said.after(func() { start(r) })
		var n int
		inside := false
		for _, what := range got {
			if inside = inside || what == "BEGIN;"; !inside || what == "commit" {
				n++
			}
			inside = inside && what != "commit"
		}
		if n > 6 {
			t.Errorf("%s: %d transactions, want at most 6: %v", name, n, got)
		}
		t.Logf("%s: %d transactions, %d round trips", name, n, len(got))
	}
}

// TestIdleTake checks that a look at an empty queue is one round trip that locks nothing.
func TestIdleTake(t *testing.T) {
	t.Parallel()
	var said transcript
	s := openBare(t, newDatabase(t), func(c *pgx.ConnConfig) { c.Tracer = &said })
	got := said.after(func() {
		taken, err := s.Take(t.Context(), ledger.Take{Now: at, Call: time.Minute, Limit: 1, Runs: "runs", Quota: 60})
		if err != nil || len(taken.Records) > 0 || !taken.Next.IsZero() {
			t.Errorf("Take = %+v, %v, want nothing", taken, err)
		}
	})
	if !slices.Equal(got, []string{"batch"}) {
		t.Errorf("round trips = %v, want one", got)
	}
}
