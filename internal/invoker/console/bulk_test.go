package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// acted is a fake that remembers which invocations were cancelled.
func acted(all ...runwith.Invocation) (f *fake, cancelled func() int) {
	var mu sync.Mutex
	n := 0
	f = &fake{all: all}
	f.cancel = func(id string) (i runwith.Invocation, err error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		i, err = f.Invocation(nil, id) //nolint:staticcheck // the fake needs no context
		i.CancelRequested = i.Created
		return i, err
	}
	return f, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func TestBulkCancelAsksFirst(t *testing.T) {
	t.Parallel()
	f, cancelled := acted(number(3, runwith.StateRunning), number(2, runwith.StateQueued), number(1, runwith.StateSucceeded))
	s := open(t, f, "")
	ids := []string{"id", "inv-00003", "id", "inv-00002", "id", "inv-00001", "id", "gone", "back", "/invocations?job=reindex"}
	s.post(t, "/invocations/cancel", ids...).is(t, http.StatusOK).
		has(t, "Cancel 2 invocations?", "reindex (2)", "Cancel 2 invocations", "2 invocations left alone", "It has ended already.", "invocation gone")
	if n := cancelled(); n != 0 {
		t.Fatalf("%d were cancelled before anybody confirmed", n)
	}
	s.post(t, "/invocations/cancel", append(ids, "confirmed", "1", "key", "k")...).is(t, http.StatusOK).
		has(t, "Cancel requested for 2 invocations", `href="/invocations?job=reindex"`, "It has ended already.")
	if n := cancelled(); n != 2 {
		t.Errorf("%d were cancelled, want 2", n)
	}
}

// One invocation needs no page of results.
func TestCancelOfOneShowsIt(t *testing.T) {
	t.Parallel()
	f, _ := acted(number(1, runwith.StateRunning))
	s := open(t, f, "")
	s.get(t, "/invocations/cancel?id=inv-00001").has(t, "Cancel 1 invocation?", `name="confirmed"`)
	a := s.post(t, "/invocations/cancel", "id", "inv-00001", "confirmed", "1", "key", "k").is(t, http.StatusSeeOther)
	if got := a.header.Get("Location"); got != "/invocations/inv-00001?done=cancel" {
		t.Errorf("went to %q", got)
	}
}

// A second submit of the same form carries the same keys, and starts nothing.
func TestBulkRerunStartsOnce(t *testing.T) {
	t.Parallel()
	all := history(1_000)
	var mu sync.Mutex
	started := map[string]runwith.Invocation{}
	f := &fake{all: all}
	f.Invoker = nil
	f.invoke = func(q invoker.Request) (runwith.Invocation, bool, error) {
		mu.Lock()
		defer mu.Unlock()
		if i, ok := started[q.Key]; ok {
			return i, true, nil
		}
		i := runwith.Invocation{ID: fmt.Sprintf("new-%05d", len(started)), Job: q.Job, State: runwith.StateAccepted}
		started[q.Key] = i
		return i, false, nil
	}
	s := open(t, f, "")
	var fields []string
	for _, i := range all {
		fields = append(fields, "id", i.ID)
	}
	asked := s.post(t, "/invocations/rerun", fields...).has(t, "Run 1\u202f000 invocations again?")
	_, key, _ := strings.Cut(asked.body, `name="key" value="`)
	key, _, _ = strings.Cut(key, `"`)
	fields = append(fields, "confirmed", "1", "key", key)
	s.post(t, "/invocations/rerun", fields...).has(t, "Started 1\u202f000 invocations again").lacks(t, "was started already")
	s.post(t, "/invocations/rerun", fields...).has(t, "was started already")
	if len(started) != 1_000 {
		t.Errorf("%d were started, want 1000", len(started))
	}
}

func TestBulkSaysWhatCannotBeDone(t *testing.T) {
	t.Parallel()
	unknown, unresolved := number(2, runwith.StateSucceeded), number(1, runwith.StateUnresolved)
	unknown.Request = nil
	f, _ := acted(unknown, unresolved)
	s := open(t, f, "")
	s.get(t, "/invocations/rerun?id=inv-00002").has(t, "Nothing to run again", "its request is unknown").lacks(t, `name="confirmed"`)
	s.get(t, "/invocations/cancel?id=inv-00001").has(t, "Nothing to cancel", "somebody must decide").lacks(t, `name="confirmed"`)
	s.post(t, "/invocations/cancel", "back", "//evil.example").is(t, http.StatusUnprocessableEntity).has(t, "No invocation is chosen", `href="/invocations"`)
	var many []string
	for n := range 1_001 {
		many = append(many, "id", fmt.Sprint(n))
	}
	s.post(t, "/invocations/cancel", many...).is(t, http.StatusBadRequest).has(t, "1001 invocations are chosen, and at most 1000 go at once")
}

func TestBulkChecksRights(t *testing.T) {
	t.Parallel()
	f, cancelled := acted(number(1, runwith.StateRunning))
	s := open(t, f, "callers: {viewer: {oidc: {issuer: google, subject: \"1\", audience: x}, grants: [view]}}\njobs: {reindex: {}}").as("viewer")
	s.post(t, "/invocations/cancel", "id", "inv-00001", "confirmed", "1", "key", "k").is(t, http.StatusConflict).has(t, "you need the verb cancel for job reindex")
	if cancelled() != 0 {
		t.Error("the invoker was asked")
	}
}
