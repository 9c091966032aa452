package callback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// event returns a pending delivery to an endpoint.
func event(id, endpoint string) ledger.Delivery {
	return ledger.Delivery{
		ID: id, Invocation: "inv-1", Job: "nightly", Endpoint: endpoint, Event: ledger.EventFailed, Payload: []byte(body),
		State: ledger.DeliveryPending, Created: ledger.Stored(time.Now()),
	}
}

func events1toN(endpoint string, n int) []ledger.Delivery {
	rows := make([]ledger.Delivery, n)
	for i := range rows {
		rows[i] = event(fmt.Sprintf("%s-%d", endpoint, i), endpoint)
	}
	return rows
}

// answers is a fake of all receivers. Its function decides about an attempt.
type answers func(ctx context.Context, d ledger.Delivery) outcome

func (a answers) attempt(ctx context.Context, _ target, d ledger.Delivery) outcome { return a(ctx, d) }

func ok() outcome              { return outcome{status: 200} }
func failing(code int) outcome { return outcome{status: code, reason: "answered " + statusText(code)} }

// hang waits until the attempt's timeout, as the client does.
func hang(ctx context.Context) outcome {
	select {
	case <-time.After(defaultTimeout):
		return outcome{reason: "no answer within 20s"}
	case <-ctx.Done():
		return outcome{reason: "interrupted", interrupted: true}
	}
}

func endpoints(t *testing.T, names ...string) *Endpoints {
	t.Helper()
	var r Rules
	for _, name := range names {
		r.Endpoints = append(r.Endpoints, Endpoint{Name: name, URL: "https://" + name + ".example.com/", Secrets: secrets(t)})
	}
	return mustNew(t, r)
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func open(t *testing.T, m *memory, e *Endpoints, a answers) *Sender {
	t.Helper()
	s, err := Open(t.Context(), Config{Store: m, Endpoints: e, attempt: a.attempt})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(events1toN("docs", 1000)...)
		var attempts atomic.Int64
		s := open(t, m, endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome { attempts.Add(1); return ok() })
		s.Deliver(t.Context())
		if n := m.count(ledger.DeliveryDelivered); n != 1000 || attempts.Load() != 1000 {
			t.Errorf("delivered %d of 1000 in %d attempts", n, attempts.Load())
		}
		d := m.row("docs-7")
		if d.Attempts != 1 {
			t.Errorf("attempts = %d, want 1", d.Attempts)
		}
		if d.LastStatus != 200 {
			t.Errorf("last status = %d, want 200", d.LastStatus)
		}
		if d.LastError != "" {
			t.Errorf("last error = %q, want none", d.LastError)
		}
		if d.Ended.IsZero() {
			t.Error("the delivered row has no time of its end")
		}
		if !d.Lease.IsZero() {
			t.Errorf("lease of the delivered row = %v, want none", d.Lease)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A delivery is attempted ten times by the schedule, and then given up.
func TestRetrySchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(event("a", "docs"))
		var at []time.Time
		var log logged
		s, err := Open(t.Context(), Config{Store: m, Endpoints: endpoints(t, "docs"), Logger: slog.New(slog.NewTextHandler(&log, nil)),
			attempt: answers(func(context.Context, ledger.Delivery) outcome { at = append(at, time.Now()); return failing(500) }).attempt})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Hour)
		synctest.Wait()
		if len(at) != MaxAttempts {
			t.Fatalf("%d attempts, want %d", len(at), MaxAttempts)
		}
		for i, want := range delays() {
			got := at[i+1].Sub(at[i])
			if got < time.Duration(0.89*float64(want)) || got > time.Duration(1.1*float64(want))+time.Second {
				t.Errorf("wait %d = %v, want about %v", i, got, want)
			}
		}
		d := m.row("a")
		if d.State != ledger.DeliveryFailed {
			t.Errorf("state after the last attempt = %s, want failed", d.State)
		}
		if d.Attempts != MaxAttempts {
			t.Errorf("attempts = %d, want %d", d.Attempts, MaxAttempts)
		}
		if d.LastStatus != 500 {
			t.Errorf("last status = %d, want 500", d.LastStatus)
		}
		if want := "answered 500 Internal Server Error"; d.LastError != want {
			t.Errorf("last error = %q, want %q", d.LastError, want)
		}
		if d.Ended.IsZero() {
			t.Error("the row that was given up has no time of its end")
		}
		for _, want := range []string{"endpoint fails", "callback given up", "delivery=a"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %q:\n%s", want, log.String())
			}
		}
		s.Close()
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(event("a", "docs"))
		begin := time.Now()
		var at []time.Duration
		s := open(t, m, endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome {
			if at = append(at, time.Since(begin)); len(at) == 1 {
				o := failing(503)
				o.retryAfter = 3 * time.Minute
				return o
			}
			return ok()
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(at) != 2 || at[1] < 3*time.Minute || at[1] > 3*time.Minute+time.Second {
			t.Errorf("attempts after %v, want one at once and one after 3m", at)
		}
		s.Close()
	})
}

func TestRetryAfterOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "0": 0, "-5": 0, "soon": 0, "999999999": maxRetryAfter, "99999999999999999999": 0,
		"Sat, 28 Nov 2026 10:05:00 GMT": 5 * time.Minute, "Sat, 28 Nov 2026 09:00:00 GMT": 0, "Sat, 28 Nov 2099 09:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfterOf(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("retryAfterOf(%q) = %v, want %v", value, got, want)
		}
	}
}

// An endpoint that asks for fewer requests gets one at a time, after pauses.
func TestThrottledEndpointPauses(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 502, 504} {
		synctest.Test(t, func(t *testing.T) {
			m := newMemory()
			m.add(events1toN("docs", 100)...)
			var attempts atomic.Int64
			s := open(t, m, endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome {
				attempts.Add(1)
				o := failing(status)
				o.retryAfter = 10 * time.Minute
				return o
			})
			time.Sleep(9 * time.Minute)
			synctest.Wait()
			if n := attempts.Load(); n > firstBusy {
				t.Errorf("%d: %d attempts within the Retry-After, want at most %d", status, n, firstBusy)
			}
			before := attempts.Load()
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if n := attempts.Load() - before; n != 1 {
				t.Errorf("%d: %d attempts after the Retry-After, want 1", status, n)
			}
			s.Close()
		})
	}
}

// One endpoint hangs, with many deliveries. The others must not notice, and it must not keep
// more than its share of the places.
func TestHangingEndpointDelaysNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(events1toN("slow", 5000)...)
		for i := range 10 {
			m.add(events1toN(fmt.Sprintf("fast%d", i), 500)...)
		}
		names := []string{"slow"}
		for i := range 10 {
			names = append(names, fmt.Sprintf("fast%d", i))
		}
		var hanging, most atomic.Int64
		s := open(t, m, endpoints(t, names...), func(ctx context.Context, d ledger.Delivery) outcome {
			if d.Endpoint != "slow" {
				time.Sleep(time.Millisecond)
				return ok()
			}
			most.Store(max(most.Load(), hanging.Add(1)))
			defer hanging.Add(-1)
			return hang(ctx)
		})
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := m.count(ledger.DeliveryDelivered); n != 5000 {
			t.Errorf("%d of 5000 deliveries to fast endpoints after 5 s", n)
		}
		if most.Load() > firstBusy {
			t.Errorf("%d attempts at once to the endpoint that hangs, want at most %d", most.Load(), firstBusy)
		}
		time.Sleep(time.Minute)
		if hanging.Load() != 1 {
			t.Errorf("%d attempts at once to an endpoint that has hung for a minute, want 1", hanging.Load())
		}
		s.Close()
	})
}

// slowTakes is a store whose takes take time, in which results are settled.
type slowTakes struct{ *memory }

func (m slowTakes) DueDeliveries(ctx context.Context, now time.Time, lease time.Duration, perLane, limit int) ([]ledger.Delivery, time.Time, error) {
	defer time.Sleep(5 * time.Millisecond)
	return m.memory.DueDeliveries(ctx, now, lease, perLane, limit)
}

// While one endpoint hangs, the store is asked for more events of another one although results
// are settled between the store's answer and its arrival.
func TestTakesWhileResultsAreSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(events1toN("slow", 500)...)
		m.add(events1toN("fast", 5000)...)
		s, err := Open(t.Context(), Config{Store: slowTakes{m}, Endpoints: endpoints(t, "slow", "fast"), attempt: answers(func(ctx context.Context, d ledger.Delivery) outcome {
			if d.Endpoint == "slow" {
				return hang(ctx)
			}
			time.Sleep(time.Millisecond)
			return ok()
		}).attempt})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := m.count(ledger.DeliveryDelivered); n != 5000 {
			t.Errorf("%d of 5000 deliveries to the fast endpoint after 5 s", n)
		}
		s.Close()
	})
}

// 300 endpoints hang. A fast one still gets its events.
func TestManyHangingEndpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		names := []string{"fast"}
		for i := range 300 {
			names = append(names, fmt.Sprintf("slow%d", i))
			m.add(events1toN(names[len(names)-1], 10)...)
		}
		s := open(t, m, endpoints(t, names...), func(ctx context.Context, d ledger.Delivery) outcome {
			if d.Endpoint == "fast" {
				return ok()
			}
			return hang(ctx)
		})
		time.Sleep(2 * time.Minute) // all are known to be slow
		m.add(events1toN("fast", 100)...)
		s.Ring()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := m.count(ledger.DeliveryDelivered); n != 100 {
			t.Errorf("%d of 100 deliveries to the fast endpoint", n)
		}
		s.Close()
	})
}

// The server is killed after the receiver has got the event and before the result is on disk.
// The next server sends the event again, with the same ID.
func TestCrashBeforeTheResultIsOnDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(event("a", "docs"))
		m.settleFault = func() error { return errors.New("killed") }
		var got []string
		receive := answers(func(_ context.Context, d ledger.Delivery) outcome { got = append(got, d.ID); return ok() })
		first := open(t, m, endpoints(t, "docs"), receive)
		time.Sleep(time.Second)
		first.Close()
		m.settleFault = nil
		second := open(t, m, endpoints(t, "docs"), receive)
		time.Sleep(leaseTime + time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"a", "a"}, got); diff != "" {
			t.Errorf("received events (-want +got):\n%s", diff)
		}
		if d := m.row("a"); d.State != ledger.DeliveryDelivered {
			t.Errorf("row = %+v, want delivered", d)
		}
		second.Close()
	})
}

// Close gives attempts some seconds, and what was not attempted goes back at once.
func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(events1toN("docs", 50)...)
		s := open(t, m, endpoints(t, "docs"), func(ctx context.Context, _ ledger.Delivery) outcome { return hang(ctx) })
		time.Sleep(time.Second)
		begin := time.Now()
		s.Close()
		if took := time.Since(begin); took > closeTime+time.Second {
			t.Errorf("Close() took %v, want at most %v", took, closeTime)
		}
		for i := range 50 {
			if d := m.row(fmt.Sprintf("docs-%d", i)); d.State != ledger.DeliveryPending || d.Attempts != 0 || !d.Lease.IsZero() {
				t.Fatalf("row after Close() = %+v, want pending without an attempt and a lease", d)
			}
		}
	})
}

// A result that the store does not take is written later, and is not lost.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(events1toN("docs", 20)...)
		failures := 3
		m.settleFault = func() error {
			if failures--; failures >= 0 {
				return errors.New("the disk is full")
			}
			return nil
		}
		var attempts atomic.Int64
		s := open(t, m, endpoints(t, "docs"), func(context.Context, ledger.Delivery) outcome { attempts.Add(1); return ok() })
		s.Deliver(t.Context())
		if n := m.count(ledger.DeliveryDelivered); n != 20 || attempts.Load() != 20 {
			t.Errorf("delivered %d in %d attempts, want 20 in 20", n, attempts.Load())
		}
		s.Close()
	})
}

// A new configuration applies to what is pending: a removed endpoint's deliveries end, and
// say why, also those that are not due.
func TestRemovedEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add(event("a", "docs"), event("b", "docs"), event("c", "other"))
		requested := event("d", "request")
		requested.URL = "https://api.example.com/hook"
		m.add(requested)
		fail := answers(func(context.Context, ledger.Delivery) outcome { return failing(500) })
		rules := func(names ...string) Rules {
			r := Rules{Requests: &Requests{Hosts: []string{"api.example.com"}, Secrets: secrets(t)}}
			for _, name := range names {
				r.Endpoints = append(r.Endpoints, Endpoint{Name: name, URL: "https://" + name + ".example.com/", Secrets: secrets(t)})
			}
			return r
		}
		s := open(t, m, mustNew(t, rules("docs", "other")), fail)
		time.Sleep(10 * time.Minute)
		r := rules("other")
		r.Requests = nil
		s.Use(mustNew(t, r))
		time.Sleep(time.Second)
		synctest.Wait()
		for id, want := range map[string]string{"a": `endpoint "docs" is no longer in the configuration`, "b": "no longer in the configuration", "d": "no longer allows this URL"} {
			if d := m.row(id); d.State != ledger.DeliveryFailed || !strings.Contains(d.LastError, want) {
				t.Errorf("row of a removed endpoint = %+v, want failed with %q", d, want)
			}
		}
		if d := m.row("c"); d.State != ledger.DeliveryPending || d.Attempts != 3 {
			t.Errorf("row of the other endpoint = %+v, want pending after 3 attempts", d)
		}
		if _, err := s.Replay(t.Context(), "a"); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("Replay() to a removed endpoint = %v, want FAILED_PRECONDITION", err)
		}
		s.Close()
	})
}
