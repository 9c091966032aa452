package console_test

import (
	"bufio"
	"context"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/principal"
)

// follow opens the stream of a live page, which the test ends.
func (s site) follow(t *testing.T, path string) (events *bufio.Scanner, status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	if s.caller != "" {
		r.Header.Set("Caller", s.caller)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	events = bufio.NewScanner(response.Body)
	events.Buffer(nil, 1<<20)
	return events, response.StatusCode
}

// expect reads a stream to a line with a text, and returns the line.
func expect(t *testing.T, events *bufio.Scanner, text string) string {
	t.Helper()
	for events.Scan() {
		if strings.Contains(events.Text(), text) {
			return events.Text()
		}
	}
	t.Fatalf("the stream ended before a line with %q: %v", text, events.Err())
	return ""
}

const oneViewer = "callers: {viewer: {oidc: {issuer: google, subject: \"1\", audience: x}, grants: [GRANTS]}}\njobs: {reindex: {}}"

// A page whose session ended while it was hidden asks for a stream as nobody. It must not take
// that for a server which is gone, and show for ever what it was.
func TestLivePageOfNobodyAsksAgain(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, strings.Replace(oneViewer, "GRANTS", "view", 1))
	events, status := s.follow(t, "/invocations")
	if status != http.StatusOK {
		t.Errorf("status %d, want 200: scripts see nothing of other answers", status)
	}
	expect(t, events, "event: reload")
}

// running is an invoker with an invocation that runs, and differs from its job.
type running struct{ *fake }

func (running) Tasks(context.Context, string) ([]runwith.Task, error) { return nil, nil }

func (running) Changes(context.Context, string) ([]runwith.Change, error) {
	return []runwith.Change{{Field: "args", Run: []string{"canary-value"}}}, nil
}

// A live page remembers the changes, because nothing changes there. Who may not see values any
// more must not see those that it remembers.
func TestLivePageForgetsValues(t *testing.T) {
	t.Parallel()
	f := running{&fake{all: []runwith.Invocation{number(1, runwith.StateRunning)}}}
	var now atomic.Pointer[policy.Policy]
	grant := func(verbs string) { now.Store(compile(t, strings.Replace(oneViewer, "GRANTS", verbs, 1))) }
	grant("view, values")
	checked := access.New(f, now.Load)
	s := open(t, f, strings.Replace(oneViewer, "GRANTS", "view", 1), func(c *console.Config) { c.Invoker, c.Access = checked, checked }).as("viewer")
	events, _ := s.follow(t, "/invocations/inv-00001")
	expect(t, events, "canary-value")
	grant("view")
	if line := expect(t, events, "data: "); strings.Contains(line, "canary-value") || !strings.Contains(line, "***") {
		t.Errorf("after the grant was taken, the page is %s", line)
	}
}

// leaving are visitors who sign out during the test.
type leaving struct {
	visitors

	left *atomic.Bool
}

func (l leaving) Identify(r *http.Request) (who principal.Principal, signedIn bool, err error) {
	if l.left.Load() {
		return who, false, runwith.Errorf(runwith.Unauthenticated, "sign in")
	}
	return l.visitors.Identify(r)
}

// endless is an invoker whose logs end with their readers.
type endless struct {
	*fake

	followed atomic.Bool
}

func (e *endless) Logs(ctx context.Context, _ string, q invoker.LogQuery) iter.Seq2[runwith.LogLine, error] {
	e.followed.Store(q.Follow)
	return func(yield func(runwith.LogLine, error) bool) {
		for range 1000 { // more than buffers hold
			if !yield(runwith.LogLine{Text: strings.Repeat("x", 1000)}, nil) {
				return
			}
		}
		<-ctx.Done()
		yield(runwith.LogLine{}, context.Cause(ctx))
	}
}

// A download is a log to its end now: it is not followed, whatever the address says, and ends with
// the session.
func TestDownloadEndsWithTheSession(t *testing.T) {
	t.Parallel()
	f := &endless{fake: &fake{all: []runwith.Invocation{number(1, runwith.StateRunning)}}}
	left := &atomic.Bool{}
	s := open(t, f, "", func(c *console.Config) { c.Visitors = leaving{visitors{}, left} })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/invocations/inv-00001/logs/download?follow=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if media := response.Header.Get("Content-Type"); !strings.HasPrefix(media, "text/plain") || f.followed.Load() {
		t.Errorf("a download that is followed: %s", media)
	}
	left.Store(true)
	_, _ = io.Copy(io.Discard, response.Body) // it ends
}

// The page of an invocation that does not exist does not change. So its stream tells the browser to
// load the page again, and ends.
func TestLivePageEndsWithItsSubject(t *testing.T) {
	t.Parallel()
	s := open(t, &fake{}, "")
	events, _ := s.follow(t, "/invocations/01a20a4f-52d9-7299-8052-429d4e3782dc")
	expect(t, events, "event: reload")
	for events.Scan() {
		if text := events.Text(); strings.HasPrefix(text, "event: ") {
			t.Errorf("the stream goes on with %q", text)
		}
	}
	if err := events.Err(); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}
