package main

import (
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// losing are flags of a server on which the answer to the first start is lost, and lists show the
// first execution of a job late. It stays unknown for long enough that a test can delete the job.
func losing() []string {
	return []string{"-v", "--log-format", "text", "--call-timeout", "1s", "--settle", "2s", "--fault", "RunJob: answer-lost, n=1", "--fault", "listed-late=20s, n=1"}
}

// lose starts the first invocation of a server with the flags of losing, and makes its outcome
// unknown: the job is deleted, with its executions, and created again. It returns the ID.
func (s *server) lose(t *testing.T, job, file string) string {
	t.Helper()
	i, err := s.client().Run(t.Context(), job, nil)
	if err != nil {
		t.Fatal(err)
	}
	eventually.True(t, "the answer is lost", func() bool { return strings.Contains(s.said(), "fault=answer-lost") })
	shell{endpoint: s.url}.ok(t, "jobs", "delete", job, "--yes")
	shell{endpoint: s.url, stdin: file}.ok(t, "jobs", "apply", "-f", "-")
	s.waitFor(t, i.ID, func(i *runwith.Invocation) bool { return i.State == runwith.StateUnresolved })
	return i.ID
}

// startLost starts a server with an unresolved invocation, and returns the invocation's ID.
func startLost(t *testing.T) (*server, string) {
	t.Helper()
	s := startUp(t, t.TempDir(), append(losing(), "--job", write(t, "lost.yaml", jobFile("lost")))...)
	return s, s.lose(t, "lost", jobFile("lost"))
}

// Who sees that an invocation is unresolved gets from the overview to the decision, from the
// keyboard. After another search, the job is started, and nothing is left to decide.
func TestConsoleResolvesByASearch(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s, id := startLost(t)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/")
	b.waitForText(t, "1 invocation with an unknown outcome")
	b.click(t, ".matters a.button")
	b.waitForText(t, "It needs your decision", "the job was deleted and created again")
	b.click(t, "a[href$='decision=retry']")
	b.waitForText(t, "Search again, and start it?", "the job runs twice")
	b.confirm(t)
	b.waitForText(t, "The decision is stored.")
	s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateSucceeded })
	b.wait(t, `document.querySelector(".head .state").textContent === "succeeded"`)
	if evaluate[bool](t, b, `document.body.innerText.includes("It needs your decision")`) {
		t.Error("the page asks for a decision about an invocation that has ended")
	}
}

// An invocation is left unresolved without JavaScript. A page that asked before the decision
// leads to the invocation, and a form that is sent again changes nothing.
func TestConsoleLeavesUnresolvedWithoutJavaScript(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s, id := startLost(t)
	b := openTab(startBrowser(t), t, s.url)
	b.withoutJavaScript(t)
	b.open(t, "/invocations/"+id)
	b.click(t, "a[href$='decision=leave']")
	b.waitForText(t, "Leave it unresolved?", "You cannot decide again.")
	b.click(t, "main form .danger")
	b.waitForText(t, "The decision is stored.")
	s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateUnresolved && !i.Finished.IsZero() })
	if evaluate[bool](t, b, `document.body.innerText.includes("It needs your decision")`) {
		t.Error("the page still asks for a decision")
	}
	b.open(t, "/invocations/"+id+"/resolve?decision=retry")
	b.wait(t, `location.pathname === "/invocations/`+id+`"`)
	b.open(t, "/")
	b.waitForText(t, "Overview")
	if evaluate[bool](t, b, `document.body.innerText.includes("unknown outcome")`) {
		t.Error("the overview still wants a decision")
	}
}
