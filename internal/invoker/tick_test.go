package invoker

import (
	"context"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// mustTick ticks, and checks the remaining invocations and the duration.
func mustTick(t *testing.T, v *Invoker, most time.Duration, want Outstanding) {
	t.Helper()
	began := time.Now()
	left, err := v.Tick(t.Context())
	if diff := cmp.Diff(want, left); diff != "" || err != nil {
		t.Errorf("Tick() = %v (-want +got):\n%s", err, diff)
	}
	if took := time.Since(began); took > most {
		t.Errorf("Tick() took %v, want at most %v", took, most)
	}
}

// TestTickLooks checks that a tick sees an end that the watcher would see only later.
func TestTickLooks(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{life: time.Hour + time.Second}, func(c *Config) { c.PollMax = time.Hour })
		i := invoke(t, v, runwith.Overrides{})
		until(t, v, i.ID, runwith.StateRunning)
		time.Sleep(time.Hour)
		mustTick(t, v, time.Second, Outstanding{runwith.StateRunning: 1})
		time.Sleep(2 * time.Second)
		mustTick(t, v, time.Second, Outstanding{})
		if got := now(t, v, i.ID); got.State != runwith.StateSucceeded {
			t.Errorf("the invocation is %s after the tick, want it succeeded", got.State)
		}
	})
}

// TestTickWaits checks that a tick returns when no call is out, so that none is left
// without a processor.
func TestTickWaits(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{run: func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			time.Sleep(20 * time.Second)
			return start(), nil
		}})
		invokeN(t, v, 2*maxCalls)
		mustTick(t, v, 45*time.Second, Outstanding{runwith.StateRunning: 2 * maxCalls})
	})
}

// TestTickFreesSlots checks that a tick starts an invocation that waited for the end of
// another.
func TestTickFreesSlots(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{life: time.Hour}, bounded(1, ledger.Queueing), func(c *Config) { c.PollMax = 2 * time.Hour })
		ids := invokeN(t, v, 2)
		time.Sleep(time.Hour + time.Second)
		mustTick(t, v, time.Second, Outstanding{runwith.StateRunning: 1})
		if got := now(t, v, ids[1]); got.State != runwith.StateRunning {
			t.Errorf("the second is %s after the tick, want it running", got.State)
		}
	})
}

// TestTickCancels checks that one tick sends the cancel, and that the next one sees its
// effect.
func TestTickCancels(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		if _, err := v.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustTick(t, v, 2*time.Second, Outstanding{})
	})
}

// TestTickLeaves checks that a tick returns at once if only time helps, and after a
// minute if a call does not end.
func TestTickLeaves(t *testing.T) {
	for name, test := range map[string]struct {
		run  runFunc
		most time.Duration
		left runwith.State
	}{
		"a quota": {func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) {
			return nil, tooMany(time.Hour)
		}, time.Second, runwith.StateAccepted},
		"what is not known": {func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) { return nil, errBroken }, time.Second, runwith.StateStarting},
		"a call without ends": {func(ctx context.Context, _ int, _ func() *runpb.Execution) (*runpb.Execution, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, tickMost, runwith.StateStarting},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				v := open(t, &cloud{run: test.run}, func(c *Config) { c.CallTimeout = time.Hour })
				invoke(t, v, runwith.Overrides{})
				mustTick(t, v, test.most, Outstanding{test.left: 1})
			})
		})
	}
}

// TestTickEnds checks that a tick ends with the invoker.
func TestTickEnds(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{run: func(ctx context.Context, _ int, _ func() *runpb.Execution) (*runpb.Execution, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		invoke(t, v, runwith.Overrides{})
		var closed sync.WaitGroup
		defer closed.Wait()
		closed.Go(func() {
			time.Sleep(time.Second)
			closeInvoker(t, v)
		})
		if _, err := v.Tick(t.Context()); runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Tick() = %v, want UNAVAILABLE", err)
		}
	})
}
