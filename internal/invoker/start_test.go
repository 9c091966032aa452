package invoker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/sqlite"
)

var errDial = &runwith.Error{Code: runwith.Unavailable, Message: "cannot be reached", Err: cloudrun.ErrNotSent}

// TestOutcomes ends the first call in each possible way, with an execution behind the
// answer or without. If certainly nothing was started, the call is repeated at once. If
// the outcome is unknown, the search comes first.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const again, refused, unknown = cloudrun.NotStarted, cloudrun.Refused, cloudrun.Unknown
	for name, test := range map[string]struct {
		err  error
		want cloudrun.Outcome
	}{
		"started":              {nil, cloudrun.Started},
		"dial failed":          {errDial, again},
		"quota":                {runwith.Errorf(runwith.ResourceExhausted, "why"), again},
		"no credential":        {runwith.Errorf(runwith.Unauthenticated, "why"), again},
		"bad argument":         {runwith.Errorf(runwith.InvalidArgument, "why"), refused},
		"forbidden":            {runwith.Errorf(runwith.PermissionDenied, "why"), refused},
		"no such job":          {runwith.Errorf(runwith.NotFound, "why"), refused},
		"precondition":         {runwith.Errorf(runwith.FailedPrecondition, "why"), refused},
		"unavailable":          {runwith.Errorf(runwith.Unavailable, "why"), unknown},
		"deadline":             {runwith.Errorf(runwith.DeadlineExceeded, "why"), unknown},
		"internal":             {runwith.Errorf(runwith.Internal, "why"), unknown},
		"aborted":              {runwith.Errorf(runwith.Aborted, "why"), unknown},
		"cancelled":            {runwith.Errorf(runwith.Canceled, "why"), unknown},
		"an error of any kind": {errors.New("why"), unknown},
	} {
		for _, behind := range []bool{false, true} {
			if behind && test.want != unknown {
				continue
			}
			t.Run(fmt.Sprintf("%s, execution behind it %v", name, behind), func(t *testing.T) {
				in(t, func(t *testing.T) {
					c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
						if n == 0 && test.err != nil {
							if behind {
								start()
							}
							return nil, test.err
						}
						return start(), nil
					}}
					v := open(t, c)
					began := time.Now()
					id := invoke(t, v, runwith.Overrides{}).ID
					got := until(t, v, id, runwith.StateRunning, runwith.StateRefused)
					checkTook(t, time.Since(began), test.want, behind)
					time.Sleep(10 * time.Minute) // everything that could still happen
					checkOutcome(t, c, got, test.err)
				})
			})
		}
	}
}

func checkTook(t *testing.T, took time.Duration, outcome cloudrun.Outcome, behind bool) {
	t.Helper()
	least, most := time.Duration(0), 5*time.Second
	if outcome == cloudrun.Unknown && !behind {
		least = DefaultCallTimeout + DefaultSettle
		most = least + 5*time.Second
	}
	if took < least || took > most {
		t.Errorf("it took %v, want %v to %v", took, least, most)
	}
}

// checkOutcome checks the end against the outcome of the first call and whether it left
// an execution behind.
func checkOutcome(t *testing.T, c *cloud, got runwith.Invocation, cause error) {
	t.Helper()
	seen := c.seen()
	outcome, behind := cloudrun.OutcomeOf(cause), len(seen.started) > 0 && seen.started[0].GetCreateTime().AsTime().Equal(seen.times[0])
	wantState, wantCalls, wantExecutions := runwith.StateRunning, 1, 1
	switch {
	case outcome == cloudrun.Refused:
		wantState, wantExecutions = runwith.StateRefused, 0
		if !reflect.DeepEqual(*got.Error, runwith.Failure{Code: runwith.CodeOf(cause).String(), Message: "why"}) || got.Finished.IsZero() {
			t.Errorf("refused with %+v at %v, want Cloud Run's error and a time", got.Error, got.Finished)
		}
	case outcome == cloudrun.NotStarted, outcome == cloudrun.Unknown && !behind:
		wantCalls = 2 // and the second has the execution
	}
	if got.State != wantState {
		t.Errorf("state = %s (%+v), want %s", got.State, got.Error, wantState)
	}
	if c.calls() != wantCalls {
		t.Errorf("calls = %d, want %d", c.calls(), wantCalls)
	}
	if got.Attempts != wantCalls {
		t.Errorf("attempts = %d, want %d", got.Attempts, wantCalls)
	}
	if n := c.executions()[got.ID]; n != wantExecutions {
		t.Errorf("executions = %d, want %d", n, wantExecutions)
	}
}

// TestBackoff counts the calls to an unreachable Cloud Run in an hour, for one
// invocation and for many.
func TestBackoff(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{run: func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) { return nil, errDial }}
				v := open(t, c)
				id := invokeN(t, v, n)[0]
				time.Sleep(time.Hour)
				if got := c.calls(); got < 45 || got > 90+maxCalls {
					t.Errorf("%d calls in an hour for %d, want about one a minute", got, n)
				}
				if i := now(t, v, id); i.State.Settled() {
					t.Errorf("invocation = %+v, want it to wait", i)
				}
			})
		})
	}
}

func TestCallsAreBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			time.Sleep(time.Second)
			return start(), nil
		}}
		v := open(t, c)
		ids := invokeN(t, v, 3*maxCalls)
		for _, id := range ids {
			until(t, v, id, runwith.StateRunning)
		}
		if c.seen().most != maxCalls || c.calls() != len(ids) {
			t.Errorf("%d calls, at most %d at once, want %d and %d", c.calls(), c.seen().most, len(ids), maxCalls)
		}
	})
}

func TestCallHasADeadline(t *testing.T) {
	in(t, func(t *testing.T) {
		began := time.Now()
		var took time.Duration
		c := &cloud{run: func(ctx context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n > 0 {
				return start(), nil
			}
			<-ctx.Done()
			took = time.Since(began)
			return nil, runwith.Errorf(runwith.CodeOf(ctx.Err()), "late")
		}}
		v := open(t, c)
		got := until(t, v, invoke(t, v, runwith.Overrides{}).ID, runwith.StateRunning)
		if took != DefaultCallTimeout || time.Since(began) < took+DefaultSettle || got.Attempts != 2 {
			t.Errorf("the call took %v, and after %v it is %+v", took, time.Since(began), got)
		}
	})
}

// TestManyAtOnce runs on the real clock, for -race.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := &cloud{life: time.Nanosecond}
	v := open(t, c, func(c *Config) { c.JobReads = 6000 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var (
		all sync.WaitGroup
		mu  sync.Mutex
		ids []string
	)
	for n := range 100 {
		all.Go(func() {
			i, _, err := v.Invoke(ctx, asks("report", "", runwith.Overrides{Env: map[string]string{"N": fmt.Sprint(n)}}))
			if err == nil {
				i, err = v.Wait(ctx, i.ID)
			}
			if err != nil || i.State != runwith.StateSucceeded {
				t.Errorf("invocation = %+v, %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, i.ID)
		})
	}
	all.Wait()
	markers := c.markers()
	slices.Sort(ids)
	slices.Sort(markers)
	if !slices.Equal(ids, markers) || len(slices.Compact(ids)) != 100 {
		t.Errorf("%d calls for %d invocations, want one for each", len(markers), len(ids))
	}
}

// TestUnreachableAtFirst accepts while the job cannot be read, and checks that the
// invocation is validated later.
func TestUnreachableAtFirst(t *testing.T) {
	t.Parallel()
	two := jobOf("report", &runpb.Container{Name: "main", Image: "a"}, &runpb.Container{Name: "side", Image: "b"})
	for name, test := range map[string]struct {
		overrides runwith.Overrides
		job       *runpb.Job
		err       error
		want      runwith.State
		calls     int
	}{
		"then it runs":           {job: jobOf("report", &runpb.Container{Image: "a"}), want: runwith.StateRunning, calls: 1},
		"a job with several":     {job: two, want: runwith.StateRunning, calls: 1},
		"no such job":            {err: runwith.Errorf(runwith.NotFound, "no job"), want: runwith.StateRefused},
		"not for this job":       {overrides: runwith.Overrides{Args: []string{"x"}}, job: two, want: runwith.StateRefused},
		"the job has the marker": {job: jobOf("report", &runpb.Container{Image: "a", Env: []*runpb.EnvVar{variable(Marker, "x")}}), want: runwith.StateRefused},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				reads, began := 0, time.Now()
				c := &cloud{job: func(string) (*runpb.Job, error) {
					if reads++; reads <= 3 {
						return nil, runwith.Errorf(runwith.Internal, "an error page")
					}
					return test.job, test.err
				}}
				v := open(t, c)
				i := invoke(t, v, test.overrides)
				got := until(t, v, i.ID, runwith.StateRunning, runwith.StateRefused)
				if got.State != test.want || c.calls() != test.calls || got.Attempts != test.calls {
					t.Errorf("%v after %d calls and %d attempts (%+v), want %v after %d", got.State, c.calls(), got.Attempts, got.Error, test.want, test.calls)
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %v, want two short waits, and no lease to run out", took)
				}
				for _, o := range c.seen().runs {
					override := o.GetContainerOverrides()[0]
					if markerOf(o) != i.ID || (override.GetName() == "main") != (test.job == two) {
						t.Errorf("overrides = %v, want the marker in the first container", o)
					}
				}
			})
		})
	}
}

// TestAnswerIsWrittenInTheEnd fails writes, as on a full disk, while Cloud Run answers.
func TestAnswerIsWrittenInTheEnd(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		script(t, v, `CREATE TRIGGER full BEFORE UPDATE ON invocations WHEN new.state = 'running' BEGIN SELECT RAISE(ABORT, 'full'); END`)
		id := invoke(t, v, runwith.Overrides{}).ID
		time.Sleep(time.Minute)
		if i := now(t, v, id); i.State != runwith.StateStarting {
			t.Fatalf("invocation = %+v, want it to be starting", i)
		}
		script(t, v, `DROP TRIGGER full`)
		until(t, v, id, runwith.StateRunning)
		if c.calls() != 1 {
			t.Errorf("%d calls, want 1", c.calls())
		}
	})
}

func script(t *testing.T, v *Invoker, statement string) {
	t.Helper()
	db := v.store.(interface{ DB() *sqlite.DB }).DB()
	if err := db.Write(t.Context(), func(tx *sqlite.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
		t.Fatal(err)
	}
}

// TestOneExecutionForTwo lets Cloud Run answer with the execution of another invocation,
// which it should never do. The answer is not believed, even if it comes before the other's.
func TestOneExecutionForTwo(t *testing.T) {
	for name, delays := range map[string][]time.Duration{
		"the right answer first": {0, time.Second},
		"the wrong answer first": {time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				started := make(chan *runpb.Execution, 1)
				c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
					var answer *runpb.Execution
					switch n {
					case 0:
						answer = start()
						started <- answer
					case 1:
						answer = <-started
					default:
						return start(), nil
					}
					time.Sleep(delays[n])
					return answer, nil
				}}
				v := open(t, c)
				for _, id := range invokeN(t, v, 2) {
					got := until(t, v, id, runwith.StateRunning)
					if got.Execution != executionOf("report", id) {
						t.Errorf("invocation %s has execution %s", id, got.Execution)
					}
				}
				if c.calls() != 3 {
					t.Errorf("%d calls, want 3: one more for the wrong answer", c.calls())
				}
			})
		})
	}
}

func TestCloseWaitsForTheAnswer(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		c := &cloud{run: func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			time.Sleep(30 * time.Second)
			return start(), nil
		}}
		v := h.open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateStarting)
		synctest.Wait()
		closeInvoker(t, v)

		got := now(t, h.open(t, c), id)
		if got.State != runwith.StateRunning || c.calls() != 1 {
			t.Errorf("after Close and Open: %+v after %d calls, want running after 1", got, c.calls())
		}
	})
}

// TestNoSecretIsLogged provokes every failure that is logged.
func TestNoSecretIsLogged(t *testing.T) {
	in(t, func(t *testing.T) {
		var log bytes.Buffer
		broken := runwith.Errorf(runwith.Internal, "an error page")
		c := &cloud{
			job:       func(string) (*runpb.Job, error) { return nil, broken },
			execution: func(string) (*runpb.Execution, error) { return nil, broken },
		}
		v := open(t, c, func(c *Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		invoke(t, v, runwith.Overrides{Env: map[string]string{"KEY": "s3cret"}, Args: []string{"s3cret"}})
		time.Sleep(time.Minute)
		closeInvoker(t, v)
		if log.Len() == 0 || strings.Contains(log.String(), "s3cret") {
			t.Errorf("the log says:\n%s", log.String())
		}
	})
}
