package invoker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// failing is a Cloud Run whose executions fail after ten seconds. Its log shows what their
// task printed only after logDelay.
func failing(logDelay time.Duration) *cloud {
	began := time.Now()
	over := func() bool { return time.Since(began) >= 10*time.Second }
	return &cloud{
		execution: func(name string) (*runpb.Execution, error) {
			if !over() {
				return &runpb.Execution{Name: name, TaskCount: 1}, nil
			}
			return end(name, runpb.Condition_CONDITION_FAILED, func(e *runpb.Execution) { e.FailedCount = 1 }), nil
		},
		tasks: func(execution, _ string) ([]*runpb.Task, string, error) {
			return []*runpb.Task{{
				Name: execution + "/tasks/0", MaxRetries: 1, Retried: 1,
				Conditions:        []*runpb.Condition{{Type: "Completed", State: runpb.Condition_CONDITION_FAILED}},
				LastAttemptResult: &runpb.TaskAttemptResult{ExitCode: 3},
			}}, "", nil
		},
		stderr: func(string, int, int) ([]string, error) {
			if time.Since(began) < 10*time.Second+logDelay {
				return nil, nil
			}
			return []string{"Traceback", "ValueError"}, nil
		},
	}
}

// TestFailuresAreExplained checks which parts of the reason callers see at the end, and which
// follow later.
func TestFailuresAreExplained(t *testing.T) {
	t.Parallel()
	const late = 8 * time.Second
	plain := runwith.Failure{Code: "UNKNOWN", Message: "why"}
	tasks := runwith.Failure{Code: "UNKNOWN", Message: "task 0 exited with code 3 in attempt 2 of 2",
		Reason: runwith.ReasonNonZeroExitCode, Task: new(0), Attempt: new(1), ExitCode: 3,
		Tasks: []runwith.TaskFailure{{Attempts: 2, Reason: runwith.ReasonNonZeroExitCode, ExitCode: 3}}}
	whole := tasks
	whole.Stderr = []string{"Traceback", "ValueError"}
	google := func(c *Config) { c.LogDelay = 10 * time.Second }
	for name, test := range map[string]struct {
		called       bool
		change       func(*Config)
		logDelay     time.Duration
		first, later runwith.Failure
	}{
		"engine, a caller waits":   {true, local, 0, whole, whole},
		"engine, nobody waits":     {false, local, 0, whole, whole},
		"Google's, a caller waits": {true, google, late, tasks, whole},
		"Google's, nobody waits":   {false, google, late, plain, whole},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				v := open(t, failing(test.logDelay), test.change)
				<-v.Rebuilt()
				id := invoke(t, v, runwith.Overrides{}).ID
				if test.called {
					go func() { _, _ = v.Wait(context.Background(), id) }()
				}
				time.Sleep(12 * time.Second)
				synctest.Wait()
				told := now(t, v, id)
				if diff := cmp.Diff(&test.first, told.Error); diff != "" {
					t.Errorf("when the end is told (-want +got):\n%s", diff)
				}
				time.Sleep(time.Minute)
				got := now(t, v, id)
				if diff := cmp.Diff(&test.later, got.Error); diff != "" {
					t.Errorf("later (-want +got):\n%s", diff)
				}
				if got.State != told.State || !got.Finished.Equal(told.Finished) {
					t.Errorf("the end changed from %+v to %+v", told, got)
				}
			})
		})
	}
}

// TestAFailureIsToldWithoutItsReason lets every read of the reason hang.
func TestAFailureIsToldWithoutItsReason(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, failing(0), local, func(c *Config) { c.CloudRun = slowTasks{c.CloudRun} })
		got := wait(t, v, invoke(t, v, runwith.Overrides{}).ID)
		if got.State != runwith.StateFailed || got.Error.Message != "why" || time.Since(got.Created) > 15*time.Second {
			t.Errorf("invocation = %+v, %+v after %v, want it to have failed", got, got.Error, time.Since(got.Created))
		}
	})
}

// slowTasks is a Cloud Run whose tasks cannot be read in time.
type slowTasks struct{ CloudRun }

func (s slowTasks) TaskPage(ctx context.Context, _, _ string) ([]*runpb.Task, string, error) {
	<-ctx.Done()
	return nil, "", ctx.Err()
}

// TestLateExplanationKeepsFewBytes checks that an execution that waits for its explanation does
// not keep its variables.
func TestLateExplanationKeepsFewBytes(t *testing.T) {
	t.Parallel()
	x := newExplainer(&base{}, nil, nil)
	row := ledger.Record{}
	row.State = runwith.StateFailed
	e := heavy("e", "id", 1000)
	e.TaskCount, e.FailedCount = 2, 1
	x.told(row, e)
	want := &runpb.Execution{Name: "e", TaskCount: 2, FailedCount: 1}
	if diff := cmp.Diff(want, x.oldest().execution, protocmp.Transform()); diff != "" {
		t.Errorf("execution that waits (-want +got):\n%s", diff)
	}
}
