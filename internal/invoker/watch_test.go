package invoker

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

func TestWatch(t *testing.T) {
	in(t, func(t *testing.T) {
		began := time.Now().UTC()
		c := &cloud{execution: func(name string) (*runpb.Execution, error) {
			e := &runpb.Execution{Name: name, TaskCount: 2, StartTime: timestamppb.New(began), RunningCount: 2}
			if age := time.Since(began); age > time.Hour {
				e = end(name, runpb.Condition_CONDITION_FAILED, func(e *runpb.Execution) { e.SucceededCount, e.FailedCount = 1, 1 })
				e.StartTime, e.CompletionTime, e.TaskCount = timestamppb.New(began), timestamppb.New(began.Add(time.Hour)), 2
			} else if age > time.Minute {
				e.RunningCount, e.SucceededCount, e.RetriedCount = 1, 1, 1
			}
			return e, nil
		}}
		v := open(t, c)
		i := invoke(t, v, runwith.Overrides{})
		want := runwith.Invocation{ID: i.ID, Job: "report", Request: &runwith.Request{}, State: runwith.StateRunning, Execution: executionOf("report", i.ID),
			Created: i.Created, Started: began, Attempts: 1, Counts: runwith.Counts{Tasks: 2, Running: 1, Succeeded: 1, Retried: 1}}
		for _, state := range []runwith.State{runwith.StateAccepted, runwith.StateStarting, runwith.StateRunning} {
			want.History = append(want.History, runwith.Step{State: state, At: began})
		}
		time.Sleep(2 * time.Minute)
		got, err := v.Invocation(t.Context(), i.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("while it runs: %v (-want +got):\n%s", err, diff)
		}

		time.Sleep(time.Hour)
		want.State, want.Finished, want.Error = runwith.StateFailed, began.Add(time.Hour), &runwith.Failure{Code: "UNKNOWN", Message: "why"}
		want.Counts = runwith.Counts{Tasks: 2, Succeeded: 1, Failed: 1}
		want.Usage = new(used(t, v, i.ID))
		got, err = v.Invocation(t.Context(), i.ID)
		if n := len(got.History); n > 0 {
			want.History = append(want.History, runwith.Step{State: runwith.StateFailed, At: got.History[n-1].At})
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("at its end: %v (-want +got):\n%s", err, diff)
		}
	})
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	const good, bad = runpb.Condition_CONDITION_SUCCEEDED, runpb.Condition_CONDITION_FAILED
	for want, execution := range map[runwith.State]*runpb.Execution{
		runwith.StateSucceeded: success("e"),
		runwith.StateFailed:    end("e", bad, func(e *runpb.Execution) { e.FailedCount = 1 }),
		runwith.StateCancelled: end("e", good, func(e *runpb.Execution) { e.CancelledCount = 1 }),
	} {
		t.Run(string(want), func(t *testing.T) {
			in(t, func(t *testing.T) {
				v := open(t, &cloud{execution: func(string) (*runpb.Execution, error) { return execution, nil }})
				got := wait(t, v, invoke(t, v, runwith.Overrides{}).ID)
				if got.State != want || got.Finished.IsZero() {
					t.Errorf("%v at %v, want %v at some time", got.State, got.Finished, want)
				}
			})
		})
	}
}

// TestWatchErrorIsNoEnd fails the reads for an hour.
func TestWatchErrorIsNoEnd(t *testing.T) {
	t.Parallel()
	for _, code := range []runwith.Code{runwith.Unavailable, runwith.ResourceExhausted, runwith.Internal,
		runwith.Unauthenticated, runwith.PermissionDenied, runwith.DeadlineExceeded} {
		t.Run(code.String(), func(t *testing.T) {
			in(t, func(t *testing.T) {
				began := time.Now()
				c := &cloud{execution: func(name string) (*runpb.Execution, error) {
					if time.Since(began) < time.Hour {
						return nil, runwith.Errorf(code, "why")
					}
					return success(name), nil
				}}
				v := open(t, c)
				id := invoke(t, v, runwith.Overrides{}).ID
				time.Sleep(time.Hour - time.Minute)
				if got, err := v.Invocation(t.Context(), id); err != nil || got.State != runwith.StateRunning {
					t.Errorf("Invocation() = %+v, %v, want it running", got, err)
				}
				if got := wait(t, v, id); got.State != runwith.StateSucceeded {
					t.Errorf("state = %v, want %v", got.State, runwith.StateSucceeded)
				}
			})
		})
	}
}

func TestExecutionIsGone(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{execution: func(string) (*runpb.Execution, error) { return nil, runwith.Errorf(runwith.NotFound, "why") }})
		i := invoke(t, v, runwith.Overrides{})
		time.Sleep(goneAfter / 2)
		if got, err := v.Invocation(t.Context(), i.ID); err != nil || got.State != runwith.StateRunning {
			t.Errorf("Invocation() = %+v, %v, want it running: one server may lag behind", got, err)
		}
		got := wait(t, v, i.ID)
		if got.State != runwith.StateUnresolved || got.Error.Code != "NOT_FOUND" || got.Execution == "" {
			t.Errorf("invocation = %+v, want it unresolved, with its execution", got)
		}
	})
}

// TestExecutionIsMissingOnce answers "not found" now and then, as a server that lags
// behind does.
func TestExecutionIsMissingOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		var reads atomic.Int32
		v := open(t, &cloud{execution: func(name string) (*runpb.Execution, error) {
			if reads.Add(1)%3 > 0 {
				return nil, runwith.Errorf(runwith.NotFound, "why")
			}
			return &runpb.Execution{Name: name}, nil
		}})
		i := invoke(t, v, runwith.Overrides{})
		time.Sleep(time.Hour)
		if got, err := v.Invocation(t.Context(), i.ID); err != nil || got.State != runwith.StateRunning {
			t.Errorf("Invocation() = %+v, %v, want it running", got, err)
		}
	})
}

// TestPollingSlowsDown counts the reads in an hour.
func TestPollingSlowsDown(t *testing.T) {
	in(t, func(t *testing.T) {
		var reads atomic.Int32
		v := open(t, &cloud{execution: func(name string) (*runpb.Execution, error) {
			reads.Add(1)
			return &runpb.Execution{Name: name}, nil
		}}, func(c *Config) { c.JobReads = 600 })
		invoke(t, v, runwith.Overrides{})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := reads.Load(); got < 3 || got > 8 {
			t.Errorf("%d reads in the first second, want a few", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := reads.Load(); got < 900 || got > 1100 {
			t.Errorf("%d reads in an hour, want 75 in the first minute, 340 until the tenth and then one in 5 s", got)
		}
	})
}

// TestWatchingIsCheap counts the reads of 500 executions of one job in each minute. A
// list has several pages, most of which show executions that ended long ago.
func TestWatchingIsCheap(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	executions := many(500)
	for _, pageSize := range []int{0, executions / 5} {
		t.Run(fmt.Sprintf("pages of %d", pageSize), func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{pageSize: pageSize, life: 4 * time.Minute}
				v := open(t, c)
				for range executions {
					c.start("report", &runpb.RunJobRequest_Overrides{}) // other executions, which stay in the list
				}
				time.Sleep(time.Hour)
				ids := invokeN(t, v, executions)
				most := 0
				for range 3 {
					before := c.reads()
					time.Sleep(time.Minute)
					most = max(most, c.reads()-before)
				}
				if most > int(DefaultJobReads) || most < 2 {
					t.Errorf("%d reads in a minute, want %d at most", most, DefaultJobReads)
				}
				time.Sleep(3 * time.Minute)
				for _, id := range ids {
					if got := now(t, v, id); got.State != runwith.StateSucceeded {
						t.Fatalf("invocation = %+v, want it to have succeeded", got)
					}
				}
			})
		})
	}
}
