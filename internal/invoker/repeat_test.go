package invoker

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/principal"
)

func TestRepeat(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Minute}
		v := open(t, c)
		<-v.Rebuilt()
		request := asks("report", "k", runwith.Overrides{Args: []string{"a"}, Env: map[string]string{"A": "1", "B": "2"}})
		first, replayed, err := v.Invoke(t.Context(), request)
		if err != nil || replayed {
			t.Fatalf("Invoke() = replayed %v, %v", replayed, err)
		}
		wait(t, v, first.ID)
		c.change(func() { c.job = func(string) (*runpb.Job, error) { return nil, errDial } }) // a repeat needs no Cloud Run
		again, replayed, err := v.Invoke(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if !replayed {
			t.Error("the repeat is not replayed")
		}
		if again.ID != first.ID {
			t.Errorf("ID of the repeat = %s, want %s", again.ID, first.ID)
		}
		if again.State != runwith.StateSucceeded {
			t.Errorf("state of the repeat = %s, want that of now, succeeded", again.State)
		}

		other := request
		other.Job, other.Asked.Overrides = "other", runwith.Overrides{Args: []string{"b"}, Env: map[string]string{"A": "1", "B": "2"}, TaskCount: 2}
		_, _, err = v.Invoke(t.Context(), other)
		if runwith.CodeOf(err) != runwith.AlreadyExists || !strings.Contains(err.Error(), first.ID+", which differs in args, job, taskCount:") {
			t.Errorf("another request with the key = %v, want ALREADY_EXISTS and what differs", err)
		}
		somebody := principal.With(t.Context(), principal.Principal{Name: "somebody else"})
		if i, replayed, err := v.Invoke(somebody, request); err != nil || replayed || i.ID == first.ID {
			t.Errorf("the key of another principal = %+v, replayed %v, %v, want a new invocation", i, replayed, err)
		}
	})
}

// TestSourceRepeats delivers events of a trigger again after its configuration has changed, also
// to a server that has lost its store.
func TestSourceRepeats(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Minute}
		v := open(t, c)
		<-v.Rebuilt()
		request := keyedRequest("event")
		request.Source = &runwith.Source{Trigger: "uploads", Event: "event"}
		owner := principal.With(t.Context(), principal.Principal{Name: "trigger/uploads"})
		first, _, err := v.Invoke(owner, request)
		if err != nil {
			t.Fatal(err)
		}
		wait(t, v, first.ID)
		changed := request
		changed.Job, changed.Asked = "other", runwith.Request{Parameters: map[string]any{"new": 1}}
		repeats := func(when string) {
			if i, replayed, err := v.Invoke(owner, changed); err != nil || !replayed || i.ID != first.ID {
				t.Errorf("%s: repeat = %+v, replayed %v, %v, want the first", when, i, replayed, err)
			}
			if each, err := v.InvokeEach(owner, "other", []Request{changed}); err != nil || !each[0].Replayed || each[0].Invocation.ID != first.ID {
				t.Errorf("%s: repeat in a batch = %+v, %v, want the first", when, each, err)
			}
			if i, found, err := v.Repeated(owner, changed); err != nil || !found || i.ID != first.ID {
				t.Errorf("%s: Repeated() = %+v, %v, %v, want the first", when, i, found, err)
			}
		}
		repeats("changed")
		other := changed
		other.Key = "other"
		if i, replayed, err := v.Invoke(owner, other); err != nil || replayed {
			t.Errorf("another event = %+v, replayed %v, %v, want a new one", i, replayed, err)
		}
		closeInvoker(t, v)
		v = open(t, c)
		<-v.Rebuilt()
		repeats("rebuilt")
	})
}

// TestKeyExpires uses a key for another request after its time.
func TestKeyExpires(t *testing.T) {
	in(t, func(t *testing.T) {
		c, path := &cloud{life: time.Minute}, filepath.Join(t.TempDir(), "invoker.db")
		v := reopen(t, c, path)
		<-v.Rebuilt()
		first, _, err := v.Invoke(t.Context(), keyedRequest("k"))
		if err != nil {
			t.Fatal(err)
		}
		wait(t, v, first.ID)
		other := keyedRequest("k")
		other.Asked.Overrides.Args = nil
		closeInvoker(t, v) // or it would work through a week
		time.Sleep(time.Until(first.Created.Add(ledger.KeyAfterAcceptance - time.Minute)))
		v = reopen(t, c, path)
		<-v.Rebuilt()
		if _, _, err := v.Invoke(t.Context(), other); runwith.CodeOf(err) != runwith.AlreadyExists {
			t.Errorf("Invoke() before its time is over = %v, want ALREADY_EXISTS", err)
		}
		time.Sleep(2 * time.Minute)
		if second, replayed, err := v.Invoke(t.Context(), other); err != nil || replayed || second.ID == first.ID {
			t.Errorf("Invoke() after its time = %+v, replayed %v, %v, want a new one", second, replayed, err)
		}
	})
}

// TestHundredRepeats runs on the real clock, for -race.
func TestHundredRepeats(t *testing.T) {
	t.Parallel()
	c := &cloud{}
	v := open(t, c)
	<-v.Rebuilt()
	var (
		all sync.WaitGroup
		mu  sync.Mutex
		ids []string
	)
	for range 100 {
		all.Go(func() {
			i, _, err := v.Invoke(t.Context(), Request{Job: "report", Key: "k"})
			if err != nil {
				t.Errorf("Invoke() = %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, i.ID)
		})
	}
	all.Wait()
	until(t, v, ids[0], runwith.StateRunning)
	if len(slices.Compact(ids)) != 1 || c.calls() != 1 || c.seen().jobReads > 100 {
		t.Errorf("invocations %v, %d calls, want one", slices.Compact(ids), c.calls())
	}
}

// TestJobIsReadOnce counts the reads of a burst of requests.
func TestJobIsReadOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		invokeN(t, v, 200)
		if c.seen().jobReads != 1 {
			t.Errorf("200 requests cost %d reads of the job, want 1", c.seen().jobReads)
		}
		time.Sleep(jobFresh)
		invokeN(t, v, 1)
		if c.seen().jobReads != 2 {
			t.Errorf("%d reads of the job after %v, want 2", c.seen().jobReads, jobFresh)
		}
	})
}
