package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/fault"
	"github.com/runwith/runwith/internal/eventually"
)

// What a fault makes of an invocation: whatever goes wrong, its job is started once.
func TestFaultsMeetTheInvoker(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules    []string
		state    runwith.State
		attempts int // calls that start the job
		listed   int // executions that a list shows
		says     string
	}{
		{[]string{"RunJob: answer-503, n=1"}, runwith.StateSucceeded, 1, 1, ""},
		{[]string{"RunJob: answer-lost, n=1"}, runwith.StateSucceeded, 1, 1, ""},
		{[]string{"RunJob: quota-429, n=1"}, runwith.StateSucceeded, 2, 1, ""},
		{[]string{"RunJob: quota-429, n=1", "RunJob: answer-lost, n=1"}, runwith.StateSucceeded, 2, 1, ""},
		// The search for what a lost answer has started meets a bad day, too.
		{[]string{"RunJob: answer-lost, n=1", "listed-late=300ms"}, runwith.StateSucceeded, 1, 1, ""},
		{[]string{"RunJob: answer-503, n=1", "ListExecutions: answer-lost, n=2", "ListExecutions: answer-503, n=2"}, runwith.StateSucceeded, 1, 1, ""},
		{[]string{"slow-start=200ms"}, runwith.StateSucceeded, 1, 1, ""},
		{[]string{"listed-late=1h"}, runwith.StateSucceeded, 1, 0, ""},
		{[]string{"failed-before-tasks"}, runwith.StateFailed, 1, 1, "Image 'test-job' not found."},
		{[]string{"GetExecution: answer-lost, n=1", "GetExecution: answer-503, n=1", "GetExecution: quota-429, n=1"}, runwith.StateSucceeded, 1, 1, ""},
	} {
		t.Run(strings.Join(test.rules, " and "), func(t *testing.T) {
			t.Parallel()
			s := startUp(t, t.TempDir(), faultArgs(test.rules)...)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			end, err := s.client().Run(ctx, "test-job", nil)
			if err == nil {
				end, err = s.client().Wait(ctx, end.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			message := ""
			if end.Error != nil {
				message = end.Error.Message
			}
			if end.State != test.state || end.Attempts != test.attempts || !strings.Contains(message, test.says) {
				t.Errorf("invocation is %s after %d attempts: %q; want %s, %d, %q", end.State, end.Attempts, message, test.state, test.attempts, test.says)
			}
			executions := s.executions(t, "test-job")
			if len(executions) != test.listed || test.listed == 1 && invocationOf(executions[0]) != end.ID {
				t.Errorf("%d executions are listed, want %d, of the invocation", len(executions), test.listed)
			}
			if want := "faults are on: " + strings.Join(test.rules, "; ") + "; --fault-seed 42 repeats them\n"; !strings.Contains(s.said(), want) {
				t.Errorf("the server said\n%swant %s in it", s.said(), want)
			}
		})
	}
}

func faultArgs(rules []string, more ...string) []string {
	args := append(more, "--fault-seed", "42")
	for _, rule := range rules {
		args = append(args, "--fault", rule)
	}
	return args
}

// decision matches the log line of one call.
var decision = regexp.MustCompile(`msg="fault of a call" method=RunJob call=\d+ fault=\S+`)

// TestSeedRepeatsDecisions checks that two servers with one seed log the same decisions about the
// same calls.
func TestSeedRepeatsDecisions(t *testing.T) {
	t.Parallel()
	var decided [2][]string
	for i := range decided {
		s := startUp(t, t.TempDir(), faultArgs([]string{"RunJob: quota-429, p=0.5", "RunJob: answer-lost, p=0.5"}, "--verbose", "--log-format", "text")...)
		for range 20 {
			res, err := http.Post(s.url+"/v2/"+parent+"/jobs/test-job:run", "application/json", strings.NewReader(`{"validateOnly":true}`))
			if err == nil {
				_ = res.Body.Close()
			}
		}
		eventually.True(t, "the log has 20 decisions", func() bool {
			decided[i] = decision.FindAllString(s.said(), -1)
			return len(decided[i]) >= 20
		})
	}
	first, again := strings.Join(decided[0], "\n"), strings.Join(decided[1], "\n")
	if first != again || len(decided[0]) != 20 {
		t.Errorf("decided were\n%s\nand again\n%s\nwant 20 decisions that are the same", first, again)
	}
	for _, fault := range []string{"none", "quota-429", "answer-lost"} {
		if !strings.Contains(first, "fault="+fault) {
			t.Errorf("decided were\n%s\nwant %s among them", first, fault)
		}
	}
}

// ruleOf finds the rules in documents and help texts.
var ruleOf = regexp.MustCompile(`(?:--fault '|runwithtest\.Fault\("|^\| ` + "`" + `)([^'"` + "`" + `]+)`)

// Help and documents name every fault, in rules that are understood.
func TestFaultsAreDocumented(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	engine, _, err := newRoot().Find([]string{"engine"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"docs/faults.md": string(document), "runwith engine --help": engine.Long + "\n" + engine.Example} {
		for _, kind := range fault.Kinds() {
			if !strings.Contains(text, string(kind)) {
				t.Errorf("%s does not tell of %s", name, kind)
			}
		}
		rules := 0
		for line := range strings.Lines(text) {
			for _, found := range ruleOf.FindAllStringSubmatch(line, -1) {
				rules++
				if _, err := fault.Parse(found[1]); err != nil {
					t.Errorf("%s: rule %q: %v", name, found[1], err)
				}
			}
		}
		if rules < 2 {
			t.Errorf("%s has %d rules in it, want examples", name, rules)
		}
	}
}
