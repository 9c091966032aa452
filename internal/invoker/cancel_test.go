package invoker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// TestCancel cancels an invocation in every state.
func TestCancel(t *testing.T) {
	t.Parallel()
	type run = func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error)
	slow := func(answer run) run {
		return func(ctx context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			time.Sleep(10 * time.Second)
			return answer(ctx, n, start)
		}
	}
	fails := func(err error) run {
		return func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) { return nil, err }
	}
	for name, test := range map[string]struct {
		run                run
		life               time.Duration
		in                 runwith.State
		at, want           runwith.State // at: in the answer
		executions, cancel int
	}{
		"waiting for a connection": {run: fails(errDial), in: runwith.StateAccepted, at: runwith.StateCancelled, want: runwith.StateCancelled},
		"starting, then it is started": {run: slow(func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			return start(), nil
		}), in: runwith.StateStarting, at: runwith.StateStarting, want: runwith.StateCancelled, executions: 1, cancel: 1},
		"starting, then it is not":     {run: slow(fails(errDial)), in: runwith.StateStarting, at: runwith.StateStarting, want: runwith.StateCancelled},
		"starting, then it is refused": {run: slow(fails(runwith.Errorf(runwith.NotFound, "no job"))), in: runwith.StateStarting, at: runwith.StateStarting, want: runwith.StateRefused},
		"unknown, and it was started":  {run: slow(lostFirst), in: runwith.StateStarting, at: runwith.StateStarting, want: runwith.StateCancelled, executions: 1, cancel: 1},
		"unknown, and it was not":      {run: slow(fails(errBroken)), in: runwith.StateStarting, at: runwith.StateStarting, want: runwith.StateCancelled},
		"running":                      {in: runwith.StateRunning, at: runwith.StateRunning, want: runwith.StateCancelled, executions: 1, cancel: 1},
		"ended":                        {life: time.Second, in: runwith.StateSucceeded, at: runwith.StateSucceeded, want: runwith.StateSucceeded, executions: 1},
		"refused":                      {run: fails(runwith.Errorf(runwith.NotFound, "no job")), in: runwith.StateRefused, at: runwith.StateRefused, want: runwith.StateRefused},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{run: test.run, life: test.life}
				v := open(t, c)
				id := invoke(t, v, runwith.Overrides{}).ID
				until(t, v, id, test.in)
				synctest.Wait()
				got, err := v.Cancel(t.Context(), id)
				if err != nil || got.State != test.at {
					t.Fatalf("Cancel() = %+v, %v, want it %s", got, err, test.at)
				}
				if got = wait(t, v, id); got.State != test.want || got.Finished.IsZero() {
					t.Errorf("it ends as %+v, %+v, want %s", got, got.Error, test.want)
				}
				if again, err := v.Cancel(t.Context(), id); err != nil || again.State != test.want {
					t.Errorf("Cancel() again = %+v, %v", again, err)
				}
				time.Sleep(10 * time.Minute)
				if c.executions()[id] != test.executions || len(c.seen().cancels) != test.cancel {
					t.Errorf("%d executions, %d cancels, want %d and %d", c.executions()[id], len(c.seen().cancels), test.executions, test.cancel)
				}
			})
		})
	}
}

// TestCancelIsRepeated checks that Cloud Run is asked until it accepts the cancel, also
// after a restart.
func TestCancelIsRepeated(t *testing.T) {
	inBoth(t, func(t *testing.T, h house) {
		refuse := true
		c := &cloud{cancelled: func(string) error {
			if refuse {
				return errBroken
			}
			return nil
		}}
		v := h.open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		if _, err := v.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		minutes := h.many(10)
		time.Sleep(time.Duration(minutes) * time.Minute)
		closeInvoker(t, v)
		if n := len(c.seen().cancels); n < minutes || n > minutes+15 {
			t.Errorf("Cloud Run was asked %d times in %d minutes, want about one a minute", n, minutes)
		}
		refuse = false
		if got := wait(t, h.open(t, c), id); got.State != runwith.StateCancelled {
			t.Errorf("invocation = %+v, want it cancelled", got)
		}
	})
}

func TestCancelNobody(t *testing.T) {
	t.Parallel()
	v := open(t, &cloud{})
	if _, err := v.Cancel(t.Context(), "nobody"); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Cancel() = %v, want NOT_FOUND", err)
	}
	if _, err := v.Resolve(t.Context(), "nobody", DecideLeave); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("Resolve() = %v, want NOT_FOUND", err)
	}
	if _, err := v.Resolve(t.Context(), "nobody", "forget"); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("Resolve() = %v, want INVALID_ARGUMENT", err)
	}
}
