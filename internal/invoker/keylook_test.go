package invoker

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// repeatWorld is what a test changes between a request and its repeat.
type repeatWorld struct {
	t      *testing.T
	cloud  *cloud
	v      *Invoker
	terms  *Terms // of the repeat
	budget *atomic.Pointer[ledger.Budgets]
}

func (w repeatWorld) other(terms Terms) {
	w.t.Helper()
	if _, _, err := w.v.Invoke(w.t.Context(), Request{Job: "report", Terms: terms}); err != nil {
		w.t.Fatal(err)
	}
}

// changes are what may happen to a request before it is repeated.
var changes = map[string]struct {
	change  func(w repeatWorld)
	refuses runwith.Code // of a new request afterwards, whatever is in the cache; OK: it depends
}{
	"nothing": {change: func(repeatWorld) {}},
	"Cloud Run is silent": {change: func(w repeatWorld) {
		w.cloud.job = func(string) (*runpb.Job, error) {
			time.Sleep(time.Minute)
			return nil, errDial
		}
	}},
	"the job is gone": {change: func(w repeatWorld) {
		w.cloud.job = func(string) (*runpb.Job, error) { return nil, runwith.Errorf(runwith.NotFound, "there is no job") }
	}},
	"the job takes no such overrides": {change: func(w repeatWorld) {
		w.cloud.job = func(id string) (*runpb.Job, error) {
			return jobOf(id, &runpb.Container{Name: "a"}, &runpb.Container{Name: "b"}), nil
		}
	}},
	"the policy makes other terms": {change: func(w repeatWorld) { w.terms.Overrides.TaskCount = -1 }, refuses: runwith.InvalidArgument},
	"the slots are taken": {change: func(w repeatWorld) {
		w.terms.Slot = ledger.Slot{Key: "report", Limit: 1, Overflow: ledger.Rejecting}
		w.other(*w.terms)
	}, refuses: runwith.Aborted},
	"the rate is used up": {change: func(w repeatWorld) {
		w.terms.Buckets = []ledger.RateLimit{{Name: "caller", Quota: 1}}
		w.other(*w.terms)
	}, refuses: runwith.ResourceExhausted},
	"the budget is used up": {change: func(w repeatWorld) {
		w.budget.Store(&ledger.Budgets{List: []ledger.Budget{{Name: "server", Limit: ledger.Cost{VCPU: 1}}}})
	}, refuses: runwith.ResourceExhausted},
}

// TestRepeatAfterChanges repeats a request after a change. The job was read before the change, or
// after it, or so long ago that it is not in the cache.
func TestRepeatAfterChanges(t *testing.T) {
	t.Parallel()
	for name, test := range changes {
		for when, cached := range map[string]struct{ before, after bool }{
			"job read before": {before: true}, "job read after": {after: true}, "job not read": {},
		} {
			t.Run(name+", "+when, func(t *testing.T) {
				in(t, func(t *testing.T) {
					w, first, q := accepted(t)
					readIf(w.v, cached.before)
					w.terms = &q.Terms
					test.change(w)
					readIf(w.v, cached.after)
					wantRepeat(t, w.v, q, first)
					other := q
					other.Asked.Overrides.Args = nil
					if _, _, err := w.v.Invoke(t.Context(), other); runwith.CodeOf(err) != runwith.AlreadyExists {
						t.Errorf("another request with the key = %v, want ALREADY_EXISTS", err)
					}
					q.Key = "another"
					if _, _, err := w.v.Invoke(t.Context(), q); test.refuses != runwith.OK && runwith.CodeOf(err) != test.refuses {
						t.Errorf("a new request = %v, want code %v", err, test.refuses)
					}
				})
			})
		}
	}
}

// accepted returns a request that has been accepted and has ended, a while ago.
func accepted(t *testing.T) (w repeatWorld, first runwith.Invocation, q Request) {
	t.Helper()
	w = repeatWorld{t: t, budget: &atomic.Pointer[ledger.Budgets]{}}
	w.budget.Store(&ledger.Budgets{})
	w.cloud = &cloud{life: time.Minute, job: func(string) (*runpb.Job, error) { return jobWithLimits("1"), nil }}
	w.v = open(t, w.cloud, func(c *Config) { c.Budgets = func() ledger.Budgets { return *w.budget.Load() } })
	<-w.v.Rebuilt()
	q = asks("report", "k", runwith.Overrides{Args: []string{"a"}})
	first, _, err := w.v.Invoke(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	first = wait(t, w.v, first.ID)
	time.Sleep(2 * jobFresh)
	return w, first, q
}

// readIf has the job of a test in the cache, if it can be read.
func readIf(v *Invoker, wanted bool) {
	if wanted {
		_, _ = v.accepting.jobs.job(v.closing, "report")
	}
}

// wantRepeat repeats a request, and checks that it asks Cloud Run nothing, and counts as a repeat
// and nothing else.
func wantRepeat(t *testing.T, v *Invoker, q Request, first runwith.Invocation) {
	t.Helper()
	const accepted, replayed = "accepted_total[report]", "replayed_total[report]"
	before, began := reported(t, v), time.Now()
	i, repeats, err := v.Invoke(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if !repeats {
		t.Error("the repeat is not replayed")
	}
	if i.ID != first.ID {
		t.Errorf("ID of the repeat = %s, want %s", i.ID, first.ID)
	}
	if i.State != first.State {
		t.Errorf("state of the repeat = %s, want %s", i.State, first.State)
	}
	if took := time.Since(began); took > 0 {
		t.Errorf("the repeat took %v, want no wait for Cloud Run", took)
	}
	after := reported(t, v)
	if n := after[replayed] - before[replayed]; n != 1 {
		t.Errorf("the repeat counts as %v repeats, want 1", n)
	}
	if n := after[accepted] - before[accepted]; n != 0 {
		t.Errorf("the repeat counts as %v acceptances, want none", n)
	}
}

// lookingStore counts the looks for a key outside of the transaction that accepts.
type lookingStore struct {
	store.Store
	looks *atomic.Int32
}

func (s lookingStore) FindKey(ctx context.Context, owner, key string) (ledger.Record, error) {
	s.looks.Add(1)
	return s.Store.FindKey(ctx, owner, key)
}

// TestKeyIsLookedForOnce counts looks for keys: while the job is in the cache, the transaction is
// enough.
func TestKeyIsLookedForOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		var looks atomic.Int32
		v := open(t, &cloud{}, func(c *Config) { c.Store = lookingStore{c.Store, &looks} })
		<-v.Rebuilt()
		want := func(n int32, what, key string) {
			t.Helper()
			looks.Store(0)
			if _, _, err := v.Invoke(t.Context(), keyedRequest(key)); err != nil {
				t.Fatal(err)
			}
			if looks.Load() != n {
				t.Errorf("%s: %d looks for its key before the transaction, want %d", what, looks.Load(), n)
			}
		}
		want(1, "the job was never read", "a")
		want(0, "the job was just read", "b")
		want(0, "a repeat", "a")
		time.Sleep(jobFresh)
		want(1, "the job was read a while ago", "c")
	})
}

// TestKeyWaitsForRebuild sends a key before all keys are known. The job is in the cache.
func TestKeyWaitsForRebuild(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{page: func(int) error { return errDial }}, func(c *Config) { c.Rebuild = RebuildAlways })
		invoke(t, v, runwith.Overrides{})
		if _, _, err := v.Invoke(t.Context(), keyedRequest("k")); runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Invoke() while keys are read back = %v, want UNAVAILABLE", err)
		}
	})
}
