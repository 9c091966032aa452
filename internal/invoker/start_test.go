package invoker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cloudrun"
	"github.com/runwith/runwith/internal/sqlite"
)

var errDial = &runwith.Error{Code: runwith.Unavailable, Message: "cannot be reached", Err: cloudrun.ErrNotSent}

// TestOutcomes lets the first call end in each way there is. What is not started
// is tried again; all else is called once and never more.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	again, refused, unresolved := runwith.StateRunning, runwith.StateRefused, runwith.StateUnresolved
	for name, test := range map[string]struct {
		err  error
		want runwith.State
	}{
		"started":              {nil, runwith.StateRunning},
		"dial failed":          {errDial, again},
		"quota":                {runwith.Errorf(runwith.ResourceExhausted, "why"), again},
		"no credential":        {runwith.Errorf(runwith.Unauthenticated, "why"), again},
		"bad argument":         {runwith.Errorf(runwith.InvalidArgument, "why"), refused},
		"forbidden":            {runwith.Errorf(runwith.PermissionDenied, "why"), refused},
		"no such job":          {runwith.Errorf(runwith.NotFound, "why"), refused},
		"precondition":         {runwith.Errorf(runwith.FailedPrecondition, "why"), refused},
		"unavailable":          {runwith.Errorf(runwith.Unavailable, "why"), unresolved},
		"deadline":             {runwith.Errorf(runwith.DeadlineExceeded, "why"), unresolved},
		"internal":             {runwith.Errorf(runwith.Internal, "why"), unresolved},
		"aborted":              {runwith.Errorf(runwith.Aborted, "why"), unresolved},
		"cancelled":            {runwith.Errorf(runwith.Canceled, "why"), unresolved},
		"an error of any kind": {errors.New("why"), unresolved},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{run: func(_ context.Context, n int) (*runpb.Execution, error) {
					if n == 0 && test.err != nil {
						return nil, test.err
					}
					return &runpb.Execution{Name: executionOf("report", "x")}, nil
				}}
				v := open(t, c)
				id := invoke(t, v, runwith.Overrides{}).ID
				got := until(t, v, id, test.want)
				time.Sleep(time.Hour) // whatever could still come of it

				wantCalls := 1
				if test.err != nil && test.want == again {
					wantCalls = 2
				}
				if c.calls() != wantCalls || got.Attempts != wantCalls {
					t.Errorf("%d calls and %d attempts, want %d", c.calls(), got.Attempts, wantCalls)
				}
				checkFailure(t, got, test.err)
			})
		})
	}
}

func checkFailure(t *testing.T, got runwith.Invocation, cause error) {
	t.Helper()
	switch got.State {
	case runwith.StateRunning:
		if got.Error != nil {
			t.Errorf("error = %+v, want none", got.Error)
		}
	case runwith.StateRefused:
		if *got.Error != (runwith.Failure{Code: runwith.CodeOf(cause).String(), Message: "why"}) || got.Finished.IsZero() {
			t.Errorf("refused with %+v at %v, want Cloud Run's error and a time", got.Error, got.Finished)
		}
	case runwith.StateUnresolved:
		if got.Error.Code != runwith.CodeOf(cause).String() || !strings.Contains(got.Error.Message, Marker+"="+got.ID) {
			t.Errorf("unresolved with %+v, want the code %v and what to look for", got.Error, runwith.CodeOf(cause))
		}
	}
}

// TestBackoff counts how often an unreachable Cloud Run is called in an hour.
func TestBackoff(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(context.Context, int) (*runpb.Execution, error) { return nil, errDial }}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		time.Sleep(time.Hour)
		if got := c.calls(); got < 45 || got > 90 {
			t.Errorf("%d calls in an hour, want about one a minute", got)
		}
		if i, err := v.Invocation(t.Context(), id); err != nil || i.State.Settled() {
			t.Errorf("Invocation() = %+v, %v, want it to wait", i, err)
		}
	})
}

func TestCallsAreBounded(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(_ context.Context, n int) (*runpb.Execution, error) {
			time.Sleep(time.Second)
			return &runpb.Execution{Name: executionOf("report", fmt.Sprint(n))}, nil
		}}
		v := open(t, c)
		var ids []string
		for range 3 * maxCalls {
			ids = append(ids, invoke(t, v, runwith.Overrides{}).ID)
		}
		for _, id := range ids {
			until(t, v, id, runwith.StateRunning)
		}
		if c.most != maxCalls || c.calls() != len(ids) {
			t.Errorf("%d calls, at most %d at once, want %d and %d", c.calls(), c.most, len(ids), maxCalls)
		}
	})
}

func TestCallHasADeadline(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(ctx context.Context, _ int) (*runpb.Execution, error) {
			<-ctx.Done()
			return nil, runwith.Errorf(runwith.CodeOf(ctx.Err()), "late")
		}}
		v := open(t, c)
		began := time.Now()
		got := wait(t, v, invoke(t, v, runwith.Overrides{}).ID)
		if got.State != runwith.StateUnresolved || got.Error.Code != "DEADLINE_EXCEEDED" || time.Since(began) > callTimeout {
			t.Errorf("after %v: %v, %+v", time.Since(began), got.State, got.Error)
		}
	})
}

// TestManyAtOnce runs on the machine's own clock, so that -race has something to
// look at.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := &cloud{execution: func(name string) (*runpb.Execution, error) { return success(name), nil }}
	v := open(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var (
		all sync.WaitGroup
		mu  sync.Mutex
		ids []string
	)
	for n := range 100 {
		all.Go(func() {
			i, err := v.Invoke(ctx, "report", runwith.Overrides{Env: map[string]string{"N": fmt.Sprint(n)}})
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

// TestUnreachableAtFirst accepts while the job cannot be read, and checks later.
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
				for _, o := range c.runs {
					override := o.GetContainerOverrides()[0]
					if markerOf(o) != i.ID || (override.GetName() == "main") != (test.job == two) {
						t.Errorf("overrides = %v, want the marker in the first container", o)
					}
				}
			})
		})
	}
}

// TestAnswerIsWrittenInTheEnd fills the disk, as it were, while Cloud Run answers.
func TestAnswerIsWrittenInTheEnd(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		script(t, v, `CREATE TRIGGER full BEFORE UPDATE ON invocations WHEN new.state = 'running' BEGIN SELECT RAISE(ABORT, 'full'); END`)
		id := invoke(t, v, runwith.Overrides{}).ID
		time.Sleep(time.Minute)
		if i, err := v.Invocation(t.Context(), id); err != nil || i.State != runwith.StateStarting {
			t.Fatalf("Invocation() = %+v, %v, want it to be starting", i, err)
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
	if err := v.store.db.Write(t.Context(), func(tx *sqlite.Tx) error { _, err := tx.Exec(statement); return err }); err != nil {
		t.Fatal(err)
	}
}

// TestOneExecutionForTwo is what no Cloud Run should do: the second is not
// believed.
func TestOneExecutionForTwo(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(context.Context, int) (*runpb.Execution, error) {
			return &runpb.Execution{Name: executionOf("report", "same")}, nil
		}}
		v := open(t, c)
		until(t, v, invoke(t, v, runwith.Overrides{}).ID, runwith.StateRunning)
		if got := wait(t, v, invoke(t, v, runwith.Overrides{}).ID); got.State != runwith.StateUnresolved || got.Execution != "" {
			t.Errorf("second invocation = %+v, want it unresolved", got)
		}
	})
}

func TestCloseWaitsForTheAnswer(t *testing.T) {
	in(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "invoker.db")
		c := &cloud{run: func(context.Context, int) (*runpb.Execution, error) {
			time.Sleep(30 * time.Second)
			return &runpb.Execution{Name: executionOf("report", "x")}, nil
		}}
		v := reopen(t, c, path)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateStarting)
		synctest.Wait()
		closeInvoker(t, v)

		got, err := reopen(t, c, path).Invocation(t.Context(), id)
		if err != nil || got.State != runwith.StateRunning || c.calls() != 1 {
			t.Errorf("after Close and Open: %+v, %v after %d calls, want running after 1", got, err, c.calls())
		}
	})
}

// TestNoSecretIsLogged lets everything go wrong that is logged.
func TestNoSecretIsLogged(t *testing.T) {
	in(t, func(t *testing.T) {
		var log bytes.Buffer
		c := &cloud{
			job:       func(string) (*runpb.Job, error) { return nil, runwith.Errorf(runwith.Internal, "an error page") },
			execution: func(string) (*runpb.Execution, error) { return nil, runwith.Errorf(runwith.Internal, "an error page") },
		}
		v, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "invoker.db"), CloudRun: c,
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		invoke(t, v, runwith.Overrides{Env: map[string]string{"KEY": "s3cret"}, Args: []string{"s3cret"}})
		time.Sleep(time.Minute)
		closeInvoker(t, v)
		if log.Len() == 0 || strings.Contains(log.String(), "s3cret") {
			t.Errorf("the log says:\n%s", log.String())
		}
	})
}
