package fault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/fault"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text    string
		want    fault.Rule
		written string // the result of String; empty means text
	}{
		{"answer-503", fault.Rule{Kind: fault.Answer503}, ""},
		{"RunJob: answer-lost", fault.Rule{Method: "RunJob", Kind: fault.AnswerLost}, ""},
		{"RunJob: answer-lost, p=0.2", fault.Rule{Method: "RunJob", Kind: fault.AnswerLost, P: 0.2}, ""},
		{"ListExecutions: quota-429, n=3, after=2", fault.Rule{Method: "ListExecutions", Kind: fault.Quota429, N: 3, After: 2}, ""},
		{"quota-429=30s", fault.Rule{Kind: fault.Quota429, Delay: 30 * time.Second}, ""},
		{"CreateJob: not-done=200ms", fault.Rule{Method: "CreateJob", Kind: fault.NotDone, Delay: 200 * time.Millisecond}, ""},
		{"not-done=1s", fault.Rule{Kind: fault.NotDone, Delay: time.Second}, ""},
		{"slow-start=1m30s", fault.Rule{Kind: fault.SlowStart, Delay: 90 * time.Second}, ""},
		{"listed-late=5s, p=1", fault.Rule{Kind: fault.ListedLate, Delay: 5 * time.Second, P: 1}, "listed-late=5s"},
		{"failed-before-tasks, n=1", fault.Rule{Kind: fault.FailedBeforeTasks, N: 1}, ""},
		{" RunJob:answer-503 ,after = 1,n= 2 ", fault.Rule{Method: "RunJob", Kind: fault.Answer503, N: 2, After: 1}, "RunJob: answer-503, n=2, after=1"},
		{"RunJob\n: \tslow-start", fault.Rule{}, "at 11: slow-start applies to executions, not to calls: remove RunJob:"},
	} {
		got, err := fault.Parse(test.text)
		if strings.HasPrefix(test.written, "at ") {
			if err == nil || err.Error() != test.written {
				t.Errorf("Parse(%q) = %v, want %s", test.text, err, test.written)
			}
			continue
		}
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("Parse(%q) = %v (-want +got):\n%s", test.text, err, diff)
		}
		want := test.written
		if want == "" {
			want = test.text
		}
		if got.String() != want {
			t.Errorf("Parse(%q).String() = %q, want %q", test.text, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", `at 1: "" is not a fault: use one of answer-503, answer-lost, quota-429, not-done=DURATION, slow-start=DURATION, listed-late=DURATION, failed-before-tasks`},
		{"RunJob: answer-lots, p=0.2", `at 9: "answer-lots" is not a fault: use one of answer-503, `},
		{"RunJobs: answer-lost", `at 1: "RunJobs" is not a method: use one of CreateJob, `},
		{"TailLogEntries: answer-lost", `at 1: TailLogEntries is a stream, and faults do not apply to streams`},
		{": answer-lost", `at 1: "" is not a method`},
		{"RunJob: slow-start=5s", `at 9: slow-start applies to executions, not to calls: remove RunJob:`},
		{"RunJob: not-done=5s", `at 9: not-done applies to CreateJob, UpdateJob, DeleteJob, not to RunJob`},
		{"CreateJob: not-done", `at 12: not-done needs a duration`},
		{"answer-lost=5s", `at 13: answer-lost takes no duration`},
		{"failed-before-tasks=", `at 21: failed-before-tasks takes no duration`},
		{"listed-late, p=1", `at 1: listed-late needs a duration, such as listed-late=5s`},
		{"listed-late=5", `at 13: "5" is not a duration above 0, such as 500ms or 5s`},
		{"listed-late=0s", `at 13: "0s" is not a duration`},
		{"listed-late=-5s", `at 13: "-5s" is not a duration`},
		{"answer-503, p=0", `at 15: "0" is not a probability above 0 and up to 1`},
		{"answer-503, p=1.1", `at 15: "1.1" is not a probability`},
		{"answer-503, p=NaN", `at 15: "NaN" is not a probability`},
		{"answer-503, p = 20%", `at 17: "20%" is not a probability`},
		{"answer-503, n=0", `at 15: "0" is not a whole number from 1`},
		{"answer-503, after=-1", `at 19: "-1" is not a whole number from 1`},
		{"answer-503, n=3, n=4", `at 18: n is set twice`},
		{"answer-503, once", `at 13: "once" is not an option: use p=0.5, n=3 or after=2`},
		{"answer-503,", `at 12: "" is not an option`},
		{"answer-503, é=1, ü", `at 13: "é=1" is not an option`},
		{"answer-503, n=3, ü=2", `at 18: "ü=2" is not an option`},
	} {
		_, err := fault.Parse(test.text)
		if runwith.CodeOf(err) != runwith.InvalidArgument || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("Parse(%q) = %v, want INVALID_ARGUMENT with %s", test.text, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"RunJob: answer-lost, p=0.2", "listed-late=5s, n=3, after=2", "quota-429=1h", ": ,", "é: ü=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := fault.Parse(text)
		if err != nil {
			return
		}
		again, err := fault.Parse(rule.String())
		if err != nil || again.String() != rule.String() {
			t.Errorf("Parse(%q) = %+v, but Parse of its String %q = %+v, %v; want them equal", text, rule, rule, again, err)
		}
	})
}
