package fault_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/fault"
)

// plan returns a plan with parsed rules.
func plan(t *testing.T, seed uint64, rules ...string) *fault.Plan {
	t.Helper()
	var parsed []fault.Rule
	for _, text := range rules {
		rule, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, rule)
	}
	return fault.New(seed, parsed...)
}

// calls returns the kinds for n calls of a method, with a dash for none.
func calls(p *fault.Plan, method string, n int) string {
	var kinds []string
	for range n {
		kind := string(p.Call(method).Kind)
		if kind == "" {
			kind = "-"
		}
		kinds = append(kinds, kind)
	}
	return strings.Join(kinds, " ")
}

func TestCallsByRulesInOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules []string
		want  string // the kinds for five calls of RunJob
	}{
		{nil, "- - - - -"},
		{[]string{"answer-503"}, "answer-503 answer-503 answer-503 answer-503 answer-503"},
		{[]string{"GetJob: answer-503"}, "- - - - -"},
		{[]string{"RunJob: answer-lost, n=2"}, "answer-lost answer-lost - - -"},
		{[]string{"RunJob: answer-lost, after=3"}, "- - - answer-lost answer-lost"},
		{[]string{"RunJob: answer-lost, n=1, after=2"}, "- - answer-lost - -"},
		// The first matching rule applies, and does not use up the second rule's n.
		{[]string{"quota-429, n=2", "RunJob: answer-lost, n=1"}, "quota-429 quota-429 answer-lost - -"},
		// Rules for executions do not apply to calls.
		{[]string{"slow-start=1s", "listed-late=1s", "failed-before-tasks", "answer-503, n=1"}, "answer-503 - - - -"},
	} {
		if got := calls(plan(t, 1, test.rules...), "RunJob", 5); got != test.want {
			t.Errorf("%q: calls = %s, want %s", test.rules, got, test.want)
		}
	}
}

func TestCallNumberAndRetryAfter(t *testing.T) {
	t.Parallel()
	p := plan(t, 1, "RunJob: quota-429=30s, after=1")
	p.Call("GetJob")
	got := []fault.Call{p.Call("RunJob"), p.Call("RunJob")}
	want := []fault.Call{{Number: 1}, {Number: 2, Kind: fault.Quota429, Delay: 30 * time.Second}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls of RunJob (-want +got):\n%s", diff)
	}
}

func TestRuleWithoutMethodCountsByMethod(t *testing.T) {
	t.Parallel()
	p := plan(t, 1, "answer-503, n=1, after=1")
	for _, method := range []string{"RunJob", "ListExecutions"} {
		if got, want := calls(p, method, 3), "- answer-503 -"; got != want {
			t.Errorf("calls of %s = %s, want %s", method, got, want)
		}
	}
}

func TestExecutionsByFirstRuleOfEachKind(t *testing.T) {
	t.Parallel()
	p := plan(t, 1, "slow-start=1s, n=1", "slow-start=2s", "listed-late=3s, after=1", "failed-before-tasks, n=1, after=2", "RunJob: answer-lost")
	var got []fault.Execution
	for range 3 {
		got = append(got, p.Execution("a"))
	}
	got = append(got, p.Execution("b"))
	want := []fault.Execution{
		{Number: 1, StartAfter: time.Second},
		{Number: 2, StartAfter: 2 * time.Second, ListAfter: 3 * time.Second},
		{Number: 3, StartAfter: 2 * time.Second, ListAfter: 3 * time.Second, NoTasks: true},
		{Number: 1, StartAfter: time.Second}, // each job counts separately
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("executions (-want +got):\n%s", diff)
	}
}

// chances are rules with a probability below 1.
var chances = []string{"RunJob: answer-lost, p=0.3", "quota-429, p=0.3", "answer-503, p=0.5, n=20", "slow-start=1s, p=0.4"}

func TestSeedRepeatsDecisions(t *testing.T) {
	t.Parallel()
	alone := plan(t, 42, chances...)
	want := calls(alone, "RunJob", 100)

	// The same calls, concurrently with many other calls.
	busy := plan(t, 42, chances...)
	var others sync.WaitGroup
	for i := range 4 {
		others.Go(func() {
			for range 200 {
				busy.Call("GetExecution")
				busy.Execution(fmt.Sprint("job", i))
			}
		})
	}
	got := calls(busy, "RunJob", 100)
	others.Wait()
	if got != want {
		t.Errorf("calls with others = %s, want as without others = %s", got, want)
	}
	if other := calls(plan(t, 43, chances...), "RunJob", 100); other == want {
		t.Errorf("calls with another seed = %s, want others", other)
	}
	// Each rule and each method has its own random numbers.
	twice := plan(t, 42, "answer-503, p=0.5", "answer-lost, p=0.5")
	if got := calls(twice, "RunJob", 100); !strings.Contains(got, "answer-lost") {
		t.Errorf("calls = %s, want the second rule to apply too", got)
	}
	if runs, reads := calls(alone, "CreateJob", 100), calls(alone, "GetJob", 100); runs == reads {
		t.Errorf("calls of both methods = %s, want them to differ", runs)
	}
}

func TestProbability(t *testing.T) {
	t.Parallel()
	for _, p := range []float64{0.05, 0.2, 0.5, 0.9} {
		const n = 10_000
		strikes := strings.Count(calls(plan(t, 7, fmt.Sprintf("answer-503, p=%v", p)), "RunJob", n), "answer-503")
		if got := float64(strikes) / n; got < p-0.02 || got > p+0.02 {
			t.Errorf("p=%v applies to %v of the calls, want about as many", p, got)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	got := fault.Methods()
	for _, want := range []string{"CreateJob", "RunJob", "ListExecutions", "GetTask", "WaitOperation", "ListLogEntries", "SetIamPolicy"} {
		if !slices.Contains(got, want) {
			t.Errorf("Methods() = %v, want %s among them", got, want)
		}
	}
	slices.Sort(got)
	if unique := slices.Compact(slices.Clone(got)); len(unique) != len(got) {
		t.Errorf("Methods() = %v, want each once", got)
	}
}

func TestPlanForCallsAndExecutions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules             []string
		calls, executions bool
	}{
		{nil, false, false},
		{[]string{"answer-lost"}, true, false},
		{[]string{"listed-late=1s"}, false, true},
		{[]string{"listed-late=1s", "answer-lost"}, true, true},
	} {
		p := plan(t, 5, test.rules...)
		if p.ForCalls() != test.calls || p.ForExecutions() != test.executions || p.Seed() != 5 {
			t.Errorf("%q: ForCalls, ForExecutions, Seed = %v, %v, %d; want %v, %v, 5",
				test.rules, p.ForCalls(), p.ForExecutions(), p.Seed(), test.calls, test.executions)
		}
	}
}
