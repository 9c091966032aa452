package invoker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/testneed"
)

// bounded gives the requests that [ask] makes a slot.
func bounded(slots int, o ledger.Overflow) func(*Config) {
	return func(c *Config) {
		c.CloudRun.(*cloud).slot = ledger.Slot{Key: "report", Limit: slots, Overflow: o}
	}
}

// running counts executions that have not ended.
func (c *cloud) running() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.got.started {
		if c.now(e).GetRunningCount() > 0 {
			n++
		}
	}
	return n
}

// TestQueue runs ten invocations through two slots, in order.
func TestQueue(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		c := &cloud{life: time.Minute}
		v := h.open(t, c, bounded(2, ledger.Queueing))
		ids := invokeN(t, v, 10)
		if got := now(t, v, ids[9]); got.State != runwith.StateQueued {
			t.Errorf("the last is %s, want it queued", got.State)
		}
		most := 0
		for !now(t, v, ids[9]).State.Terminal() {
			most = max(most, c.running())
			time.Sleep(time.Second)
		}
		if most != 2 {
			t.Errorf("at most %d ran, want 2", most)
		}
		for i, id := range c.markers() { // calls that were taken together arrive in any order
			if off := slices.Index(ids, id) - i; off > 1 || off < -1 {
				t.Errorf("call %d was for invocation %d, want them in order", i, i+off)
			}
		}
	})
}

// TestUnknownHoldsItsSlot checks that the second waits until the outcome of the first is
// known, and then for its turn.
func TestUnknownHoldsItsSlot(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 0 {
				return nil, errBroken
			}
			return start(), nil
		}}
		v := h.open(t, c, bounded(1, ledger.Queueing))
		ids := invokeN(t, v, 2)
		time.Sleep(DefaultCallTimeout + DefaultSettle - time.Second)
		if c.calls() != 1 {
			t.Errorf("%d calls while the first is unknown, want 1", c.calls())
		}
		until(t, v, ids[0], runwith.StateRunning)
		time.Sleep(time.Minute)
		if got := now(t, v, ids[1]); got.State != runwith.StateQueued {
			t.Errorf("the second is %s, want it queued behind the first", got.State)
		}
	})
}

func TestReject(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		c := &cloud{life: time.Minute}
		v := h.open(t, c, bounded(1, ledger.Rejecting))
		<-v.Rebuilt()
		first := invoke(t, v, runwith.Overrides{})
		request := ask(v, "k", runwith.Overrides{})
		if _, _, err := v.Invoke(t.Context(), request); runwith.CodeOf(err) != runwith.Aborted {
			t.Errorf("Invoke() = %v, want ABORTED", err)
		}
		wait(t, v, first.ID)
		if i, replayed, err := v.Invoke(t.Context(), request); err != nil || replayed {
			t.Errorf("Invoke() when there is room = %+v, replayed %v, %v, want a new invocation: the refusal claimed no key", i, replayed, err)
		}
	})
}

func TestReplace(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		c := &cloud{}
		v := h.open(t, c, bounded(1, ledger.Replacing))
		first := invoke(t, v, runwith.Overrides{})
		until(t, v, first.ID, runwith.StateRunning)
		ids := invokeN(t, v, 3)
		got := until(t, v, ids[2], runwith.StateRunning)
		incumbent := now(t, v, first.ID)
		if incumbent.State != runwith.StateCancelled || got.Started.Before(incumbent.Finished) && !got.Started.IsZero() {
			t.Errorf("the incumbent = %+v, want it cancelled before the newcomer starts", incumbent)
		}
		for _, id := range ids[:2] {
			if got := now(t, v, id); got.State != runwith.StateCancelled || got.Error == nil || got.Attempts > 0 {
				t.Errorf("one that waited = %+v, want it dropped, and why", got)
			}
		}
		if c.calls() != 2 {
			t.Errorf("%d calls, want 2", c.calls())
		}
	})
}

// quotaOf answers RunJob as Cloud Run does: n calls in any minute succeed, and the
// answer to the others says when to retry.
func quotaOf(n int) (run func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error), refusals *atomic.Int64) {
	var started []time.Time
	refusals = new(atomic.Int64)
	return func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
		now := time.Now()
		started = slices.DeleteFunc(started, func(at time.Time) bool { return now.Sub(at) >= time.Minute })
		if len(started) >= n {
			refusals.Add(1)
			return nil, tooMany(time.Minute - now.Sub(started[0]))
		}
		started = append(started, now)
		return start(), nil
	}, refusals
}

// TestBurst works off a burst against a quota of 60 a minute, known or unknown: in
// order, with hardly a call refused and none doubled.
func TestBurst(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for known, n := range map[ledger.Quota]int{60: many(1000), 0: max(100, many(300))} {
		t.Run(fmt.Sprintf("%d, known: %d", n, known), func(t *testing.T) {
			in(t, func(t *testing.T) {
				run, refusals := quotaOf(60)
				c := &cloud{life: time.Second}
				c.run = serial(run)
				v := open(t, c, func(c *Config) { c.Limits.Runs = known }, orderly(t, nil))
				began := time.Now()
				ids := invokeN(t, v, n)
				for _, id := range ids {
					until(t, v, id, runwith.StateRunning, runwith.StateSucceeded)
				}
				if took := time.Since(began); took > time.Duration(n)*2*time.Second {
					t.Errorf("it took %v for %d, want about a second for each", took, n)
				}
				most := int64(5 * 2 * maxCalls)
				if known > 0 {
					most = 0
				}
				if n := refusals.Load(); n > most {
					t.Errorf("Cloud Run refused %d calls, want at most %d", n, most)
				}
				for id, n := range c.executions() {
					if n != 1 {
						t.Errorf("invocation %s has %d executions", id, n)
					}
				}
			})
		})
	}
}

// orderlyStore checks that Take takes the oldest invocations first. The order in which jobs start does
// not show that: several calls are made at the same time, and one may be held up while many others are
// answered.
type orderlyStore struct {
	store.Store
	t *testing.T

	mu      sync.Mutex      // held over a change and its note
	waiting map[string]bool // the invocations in the queue
}

// orderly puts an [orderlyStore] in front of the store. waiting are the invocations in its queue.
func orderly(t *testing.T, waiting []string) func(*Config) {
	return func(c *Config) {
		s := &orderlyStore{Store: c.Store, t: t, waiting: map[string]bool{}}
		for _, id := range waiting {
			s.waiting[id] = true
		}
		c.Store = s
	}
}

func (s *orderlyStore) Accept(ctx context.Context, r ledger.Record, a ledger.Admission) (store.Accepted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	accepted, err := s.Store.Accept(ctx, r, a)
	if err == nil {
		s.waiting[r.ID] = true
	}
	return accepted, err
}

func (s *orderlyStore) Move(ctx context.Context, m ledger.Move) (ledger.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved, err := s.Store.Move(ctx, m)
	if err == nil {
		s.waiting[moved.ID] = moved.Waiting()
	}
	return moved, err
}

func (s *orderlyStore) Take(ctx context.Context, t ledger.Take) (store.Taken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, err := s.Store.Take(ctx, t)
	last := ""
	for _, r := range taken.Records {
		s.waiting[r.ID] = false
		last = max(last, r.ID)
	}
	for id, waits := range s.waiting {
		if waits && id < last {
			s.t.Errorf("%s was taken before %s", last, id)
		}
	}
	return taken, err
}

// TestQueueSurvivesARestart restarts the invoker twice with 10,000 in the queue. Each
// time it goes on where it was.
func TestQueueSurvivesARestart(t *testing.T) {
	testneed.Long(t)
	inBoth(t, func(t *testing.T, h house) {
		ids := waitingRows(t, h, h.many(many(10_000)))
		some := h.many(200)
		var left atomic.Int64 // how many calls Cloud Run accepts
		c := &cloud{}
		c.run = serial(func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if left.Add(-1) < 0 {
				return nil, errDial
			}
			return start(), nil
		})
		for range 3 {
			left.Store(int64(some))
			v := h.open(t, c, orderly(t, notStarted(ids, c.executions())))
			for left.Load() > 0 {
				time.Sleep(time.Second)
			}
			closeInvoker(t, v)
		}
		var waiting []string
		for _, r := range takeAll(t, h.store(t)) {
			waiting = append(waiting, r.ID)
		}
		if want := notStarted(ids, c.executions()); !slices.Equal(waiting, want) {
			t.Errorf("%d wait, want the %d that did not start, in order", len(waiting), len(want))
		}
	})
}

// notStarted returns the invocations that have no execution.
func notStarted(ids []string, executions map[string]int) (left []string) {
	for _, id := range ids {
		if executions[id] == 0 {
			left = append(left, id)
		}
	}
	return left
}

// takeAll takes all that waits. One look at the queue may be bounded.
func takeAll(t *testing.T, s store.Store) (all []ledger.Record) {
	t.Helper()
	for {
		taken, err := s.Take(t.Context(), ledger.Take{Now: time.Now().Add(time.Hour), Limit: 100_000, Runs: "another"})
		if err != nil {
			t.Fatal(err)
		}
		if len(taken.Records) == 0 {
			return all
		}
		all = append(all, taken.Records...)
	}
}

func openStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// waitingRows stores invocations that wait.
func waitingRows(t *testing.T, h house, n int) (ids []string) {
	t.Helper()
	s := h.store(t)
	rows := make([]ledger.Record, n)
	for i := range rows {
		r := ledger.Record{
			Invocation: runwith.Invocation{ID: fmt.Sprintf("01900000-0000-7000-8000-%012d", i), Job: "report", State: runwith.StateAccepted, Created: ledger.Stored(time.Now())},
			Version:    1,
		}
		r, err := newBase(Config{}.complete()).fitTo(jobOf("report", &runpb.Container{Image: "a"}), r, &runpb.RunJobRequest_Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		rows[i], ids = r, append(ids, r.ID)
	}
	if _, err := s.Import(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return ids
}
