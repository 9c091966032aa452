package invoker

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/principal"
)

const elsewhere = "projects/acme/locations/europe-west1/jobs/reindex-v2"

// reindex returns a request for a job of another project that callers know as reindex.
func reindex(key string) Request {
	asked := runwith.Request{Parameters: map[string]any{"tenant": "acme"}, Labels: map[string]string{"tenant": "acme"}}
	return Request{Job: "reindex", Key: key, Asked: asked, Terms: Terms{
		Target: elsewhere, Overrides: runwith.Overrides{Args: []string{"--tenant=acme"}},
		Slot: ledger.Slot{Key: `reindex/"acme"`, Limit: 1}, Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}}
}

// submit invokes, as a caller or as nobody.
func submit(t *testing.T, v *Invoker, caller string, q Request) runwith.Invocation {
	t.Helper()
	i, replayed, err := v.Invoke(principal.With(t.Context(), principal.Principal{Name: caller}), q)
	if err != nil || replayed {
		t.Fatalf("Invoke() = replayed %t, %v", replayed, err)
	}
	return i
}

// TestTarget starts a job of another project, and loses the store while it runs. What callers
// see is their own name for it, before and after.
func TestTarget(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: 10 * time.Minute}
		targets := func(c *Config) { c.Targets = func() []string { return []string{"report", elsewhere, elsewhere} } }
		v := open(t, c, targets)
		<-v.Rebuilt()
		i := submit(t, v, "docs-api", reindex("k"))
		second := submit(t, v, "docs-api", reindex(""))
		got := until(t, v, i.ID, runwith.StateRunning)
		if got.Job != "reindex" || got.Caller != "docs-api" || !strings.HasPrefix(got.Execution, elsewhere+"/executions/") {
			t.Errorf("invocation = %+v, want the caller's name of the job, and an execution of the other project", got)
		}
		if diff := cmp.Diff(&runwith.Request{Parameters: map[string]any{"tenant": "acme"}, Labels: got.Labels}, got.Request); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		if w := now(t, v, second.ID).Waiting; w == nil || w.For != runwith.HoldSlot || w.Message != `waits for a slot of key reindex/"acme": at most 1` {
			t.Errorf("the second waits for %+v, want a slot", w)
		}
		sent := c.seen().runs[0].GetContainerOverrides()[0]
		if !slices.Equal(sent.GetArgs(), []string{"--tenant=acme"}) || !slices.ContainsFunc(sent.GetEnv(), func(e *runpb.EnvVar) bool {
			return e.GetName() == ledger.TraceVariable && strings.HasPrefix(e.GetValue(), "00-0af7651916cd43dd")
		}) {
			t.Errorf("sent = %v, want the args of the terms, and the trace", sent)
		}
		closeInvoker(t, v)

		v = open(t, c, targets)
		<-v.Rebuilt()
		again, replayed, err := v.Invoke(principal.With(t.Context(), principal.Principal{Name: "docs-api"}), reindex("k"))
		if err != nil || !replayed {
			t.Fatalf("the repeat after the store was lost = replayed %t, %v", replayed, err)
		}
		if again.ID != i.ID {
			t.Errorf("rebuilt ID = %s, want %s", again.ID, i.ID)
		}
		if again.Job != "reindex" {
			t.Errorf("rebuilt job = %q, want reindex", again.Job)
		}
		if again.Caller != "docs-api" {
			t.Errorf("rebuilt caller = %q, want docs-api", again.Caller)
		}
		if tenant := again.Labels["tenant"]; tenant != "acme" {
			t.Errorf("rebuilt label tenant = %q, want acme", tenant)
		}
		if again.Request != nil {
			t.Errorf("rebuilt request = %+v, want none", again.Request)
		}
		if r := record(t, v, i.ID); r.Target != elsewhere || r.Slot != `reindex/"acme"` {
			t.Errorf("rebuilt target = %q, slot %q, want %q and the key", r.Target, r.Slot, elsewhere)
		}
		if got := wait(t, v, i.ID); got.State != runwith.StateSucceeded {
			t.Errorf("invocation = %+v, want it to succeed", got)
		}
		if count := c.executions(); count[i.ID] != 1 || len(count) != 1 {
			t.Errorf("executions = %v, want one", count)
		}
	})
}

// TestOwnTraceStays checks that a caller's own trace is sent once.
func TestOwnTraceStays(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		q := reindex("")
		q.Terms.Overrides.Env = map[string]string{ledger.TraceVariable: "mine"}
		until(t, v, submit(t, v, "", q).ID, runwith.StateRunning)
		var traces []string
		for _, e := range c.seen().runs[0].GetContainerOverrides()[0].GetEnv() {
			if e.GetName() == ledger.TraceVariable {
				traces = append(traces, e.GetValue())
			}
		}
		if !slices.Equal(traces, []string{"mine"}) {
			t.Errorf("traces = %v, want the caller's", traces)
		}
	})
}

// TestBadTerms refuses names that are no job, before anything is stored.
func TestBadTerms(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		for _, target := range []string{"a b", "projects/p", "projects/p/locations/l/jobs/-", "projects/p/locations/l/jobs/J?x", "../jobs/x", "-"} {
			q := reindex("")
			q.Terms.Target = target
			if _, _, err := v.Invoke(t.Context(), q); runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Errorf("target %q: Invoke() = %v, want INVALID_ARGUMENT", target, err)
			}
		}
		if page, _, err := v.Invocations(t.Context(), Filter{}); len(page) > 0 || err != nil {
			t.Errorf("invocations = %+v, %v, want none", page, err)
		}
	})
}

// TestAcceptanceRate refuses a request beyond a rate, says when to come again, and answers a
// repeat all the same.
func TestAcceptanceRate(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		<-v.Rebuilt()
		limited := func(key string) Request {
			q := asks("report", key, runwith.Overrides{})
			q.Terms.Buckets = []ledger.RateLimit{{Name: "caller/docs-api", Quota: 10}}
			return q
		}
		first := submit(t, v, "docs-api", limited("k"))
		caller := principal.With(t.Context(), principal.Principal{Name: "docs-api"})
		_, _, err := v.Invoke(caller, limited(""))
		after := cause.RetryAfterOf(err)
		if runwith.CodeOf(err) != runwith.ResourceExhausted || after < time.Second || after > time.Minute {
			t.Fatalf("Invoke() beyond the rate = %v, retry after %v, want RESOURCE_EXHAUSTED", err, after)
		}
		if again, replayed, err := v.Invoke(caller, limited("k")); again.ID != first.ID || !replayed || err != nil {
			t.Errorf("the repeat = %+v, replayed %t, %v, want the first", again, replayed, err)
		}
		time.Sleep(after)
		submit(t, v, "docs-api", limited(""))
	})
}

// TestFilter lists by labels and by what the reader may see, page by page.
func TestFilter(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		var mine, others []string
		for n := range 6 {
			q := asks([]string{"report", "other"}[n%2], "", runwith.Overrides{})
			q.Asked.Labels = map[string]string{"tenant": []string{"acme", "globex"}[n/3]}
			if n < 4 {
				mine = append(mine, submit(t, v, "me", q).ID)
			} else {
				others = append(others, submit(t, v, "you", q).ID)
			}
		}
		for name, test := range map[string]struct {
			filter Filter
			want   []string
		}{
			"all":          {Filter{Visible: &Visibility{All: true}}, []string{others[1], others[0], mine[3], mine[2], mine[1], mine[0]}},
			"own":          {Filter{Visible: &Visibility{Owner: "me"}}, []string{mine[3], mine[2], mine[1], mine[0]}},
			"own by label": {Filter{Visible: &Visibility{Owner: "me"}, Labels: map[string]string{"tenant": "acme"}}, []string{mine[2], mine[1], mine[0]}},
			"and a job's":  {Filter{Visible: &Visibility{Owner: "you", Jobs: []string{"other"}}}, []string{others[1], others[0], mine[3], mine[1]}},
			"anonymous":    {Filter{Visible: &Visibility{}}, nil},
		} {
			var got []string
			for test.filter.PageSize = 1; ; {
				page, next, err := v.Invocations(t.Context(), test.filter)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, i := range page {
					got = append(got, i.ID)
				}
				if test.filter.PageToken = next; next == "" {
					break
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// TestEveryFieldOfARequestCounts sets each field of a request alone, so that a repeat differs
// by it and the stored request shows it.
func TestEveryFieldOfARequestCounts(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		plain := fingerprintOfRequest(t, runwith.Request{})
		for _, field := range reflect.VisibleFields(reflect.TypeFor[runwith.Request]()) {
			var q runwith.Request
			switch f := reflect.ValueOf(&q).Elem().FieldByIndex(field.Index); f.Interface().(type) {
			case map[string]any:
				f.Set(reflect.ValueOf(map[string]any{"x": "y"}))
			case map[string]string:
				f.Set(reflect.ValueOf(map[string]string{"x": "y"}))
			case *runwith.Callback:
				f.Set(reflect.ValueOf(&runwith.Callback{URL: "https://a.example"}))
			case runwith.Overrides:
				f.Set(reflect.ValueOf(runwith.Overrides{Args: []string{}}))
			case time.Time:
				f.Set(reflect.ValueOf(time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)))
			default:
				t.Fatalf("runwith.Request.%s has type %s, which this test cannot change: add it", field.Name, field.Type)
			}
			if fingerprintOfRequest(t, q) == plain {
				t.Errorf("%s: the fingerprint is %q with and without it", field.Name, plain)
			}
			i := submit(t, v, "", Request{Job: "report", Asked: q})
			if diff := cmp.Diff(&q, now(t, v, i.ID).Request); diff != "" {
				t.Errorf("%s: the stored request (-want +got):\n%s", field.Name, diff)
			}
		}
	})
}

// TestEventsReachTheStore checks that the terms decide who hears of an invocation, and that
// this holds after a restart.
func TestEventsReachTheStore(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		c := &cloud{life: time.Minute}
		v := h.open(t, c)
		q := reindex("")
		q.Terms.Subscribers = []ledger.Subscriber{{Endpoint: "docs", Events: []ledger.Event{ledger.EventSucceeded}}}
		i := submit(t, v, "docs-api", q)
		until(t, v, i.ID, runwith.StateRunning)
		closeInvoker(t, v)
		v = h.open(t, c)
		wait(t, v, i.ID)
		due, _, err := v.store.DueDeliveries(t.Context(), time.Now(), time.Minute, 9, 9)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) != 1 {
			t.Fatalf("due = %+v, want one", due)
		}
		if due[0].Event != ledger.EventSucceeded {
			t.Fatalf("event = %s, want the end", due[0].Event)
		}
		if due[0].Job != "reindex" {
			t.Fatalf("job = %q, want reindex", due[0].Job)
		}
		if due[0].Owner != "docs-api" {
			t.Fatalf("owner = %q, want docs-api", due[0].Owner)
		}
		type data struct {
			ID, Job, State string
			Labels         map[string]string
		}
		var body struct{ Data data }
		if err := json.Unmarshal(due[0].Payload, &body); err != nil {
			t.Fatalf("payload = %s, %v", due[0].Payload, err)
		}
		want := data{ID: i.ID, Job: "reindex", State: "succeeded", Labels: map[string]string{"tenant": "acme"}}
		if diff := cmp.Diff(want, body.Data); diff != "" {
			t.Errorf("data of the payload (-want +got):\n%s", diff)
		}
	})
}
