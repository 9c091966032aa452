package invoker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/principal"
)

// The invocations in testdata/keyed/invoker.db, which an invoker wrote before it stored
// principals: one that runs and has a twin, and two that wait for its slot.
const (
	keyedFirst  = "01a2214f-03ed-71ba-8d92-09ea4ed5ab83"
	keyedSecond = "01a2214f-03fb-7355-8dd4-f2c44bf8acb3"
	keyedThird  = "01a2214f-03ff-73ed-9222-5ad74a6abde3"
)

// keyedRequests are the requests that made them.
var keyedRequests = map[string]Request{
	keyedFirst: asks("report", "first", runwith.Overrides{
		Args: []string{"a", "<&>"}, Env: map[string]string{"B": "2", "A": "ä"}, TaskCount: 3, Timeout: 90 * time.Second,
	}),
	keyedSecond: asks("report", "second", runwith.Overrides{Args: []string{}}),
	keyedThird:  {Job: "report", Key: "third"},
}

// openKeyed opens a copy of the data, in a Cloud Run that has what was started.
func openKeyed(t *testing.T) (*Invoker, *cloud) {
	t.Helper()
	time.Sleep(time.Until(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))) // after the data was written
	content, err := os.ReadFile(filepath.Join("testdata", "keyed", "invoker.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "invoker.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &cloud{life: time.Minute}
	for range 2 { // the second is the twin
		c.start("report", &runpb.RunJobRequest_Overrides{ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{
			{Env: markers(ledger.Record{Invocation: runwith.Invocation{ID: keyedFirst}})},
		}})
	}
	v := reopen(t, c, path, bounded(1, ledger.Queueing))
	<-v.Rebuilt()
	return v, c
}

func TestKeysOfAnEarlierReleaseLive(t *testing.T) {
	in(t, func(t *testing.T) {
		v, _ := openKeyed(t)
		local := principal.With(t.Context(), principal.LocalUser)
		for id, q := range keyedRequests {
			if got, replayed, err := v.Invoke(t.Context(), q); err != nil || !replayed || got.ID != id {
				t.Errorf("repeat of %s = %s, replayed %v, %v, want %s", q.Key, got.ID, replayed, err, id)
			}
			if got, replayed, err := v.Invoke(local, q); err != nil || !replayed || got.ID != id {
				t.Errorf("repeat of %s by the local user = %s, replayed %v, %v, want %s", q.Key, got.ID, replayed, err, id)
			}
		}
		other := keyedRequests[keyedFirst]
		other.Asked.Overrides.Timeout, other.Asked.Overrides.Env = time.Hour, nil
		if _, _, err := v.Invoke(t.Context(), other); runwith.CodeOf(err) != runwith.AlreadyExists || !strings.Contains(err.Error(), "differs in env, timeout:") {
			t.Errorf("another request with the key = %v, want ALREADY_EXISTS and the fields", err)
		}
		somebody := principal.With(t.Context(), principal.Principal{Name: "docs-api"})
		if got, replayed, err := v.Invoke(somebody, keyedRequests[keyedThird]); err != nil || replayed {
			t.Errorf("the key of another principal = %s, replayed %v, %v, want a new invocation", got.ID, replayed, err)
		}
	})
}

func TestDataOfAnEarlierReleaseGoesOn(t *testing.T) {
	in(t, func(t *testing.T) {
		v, c := openKeyed(t)
		for _, id := range []string{keyedFirst, keyedSecond, keyedThird} {
			if got := wait(t, v, id); got.State != runwith.StateSucceeded {
				t.Errorf("invocation %s = %+v, %+v, want it to succeed", id, got, got.Error)
			}
		}
		if diff := cmp.Diff(map[string]int{keyedFirst: 2, keyedSecond: 1, keyedThird: 1}, c.executions()); diff != "" {
			t.Errorf("executions (-want +got):\n%s", diff)
		}
		first := now(t, v, keyedFirst)
		if first.Twins != 1 {
			t.Errorf("twins = %d, want 1", first.Twins)
		}
		if twin := first.Execution + "-2"; !slices.Equal(c.seen().cancels, []string{twin}) {
			t.Errorf("cancels of %v, want %s", c.seen().cancels, twin)
		}
	})
}

func TestPrincipalIsStored(t *testing.T) {
	t.Parallel()
	v := open(t, &cloud{})
	for _, p := range []principal.Principal{{}, principal.LocalUser, {Name: "docs-api"}} {
		i, _, err := v.Invoke(principal.With(t.Context(), p), Request{Job: "report"})
		if err != nil {
			t.Fatal(err)
		}
		if r := record(t, v, i.ID); r.Caller != p.Name || r.Owner != ledger.OwnerOf(p.Name) {
			t.Errorf("record of %v has caller %q, owner %q, want %q and its hash", p, r.Caller, r.Owner, p.Name)
		}
	}
}
