package invoker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// TestStoppedProcess stops a process (SIGSTOP) at each step of a start, for so long that its lease
// ends and another process takes over. Then it continues.
func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stop  func(*replica, *cloud)
		calls int
		twins int
	}{
		"before the call": {func(r *replica, _ *cloud) { r.taken = r.stop }, 1, 0},
		"before it has an answer": {func(r *replica, c *cloud) {
			c.run = func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
				e := start()
				r.stop()
				return e, nil
			}
		}, 1, 0},
		"before it records the answer": {func(r *replica, _ *cloud) { r.moving = r.stop }, 1, 0},
		// No client can prevent that: the request leaves when the process continues.
		"while the request leaves": {func(r *replica, c *cloud) {
			c.run = func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
				r.stop()
				return start(), nil
			}
		}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				s, c := openShared(t), &cloud{}
				a := openReplica(t, s, c, func(r *replica) { test.stop(r, c) })
				b := openReplica(t, s, c)
				<-a.Rebuilt()
				<-b.Rebuilt()
				synctest.Wait() // so that a takes the row
				id := invoke(t, a, runwith.Overrides{}).ID
				began := time.Now()
				got := until(t, b, id, runwith.StateRunning)
				if took := time.Since(began); took > 5*time.Minute {
					t.Errorf("the other process has taken over after %v", took)
				}
				time.Sleep(15 * time.Minute)
				last := now(t, b, id)
				if last.State != runwith.StateRunning || last.Execution != got.Execution {
					t.Errorf("invocation = %+v, want it to run as %s", last, got.Execution)
				}
				if c.calls() != test.calls {
					t.Errorf("%d calls, want %d", c.calls(), test.calls)
				}
				if last.Twins != test.twins {
					t.Errorf("%d twins, want %d", last.Twins, test.twins)
				}
				if len(c.seen().ended) != test.twins {
					t.Errorf("%d executions were cancelled, want %d", len(c.seen().ended), test.twins)
				}
			})
		})
	}
}

// TestUnknownAfterAStop checks that a request that may have left only when the process continued
// has the whole settling delay to show its execution.
func TestUnknownAfterAStop(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		now := time.Now()
		r := ledger.Record{Invocation: runwith.Invocation{State: runwith.StateStarting}, Lease: ledger.Stored(now.Add(-time.Hour))}
		got := v.dispatching.after(r, answer{err: errBroken, deadline: now.Add(-time.Hour)})
		if want := ledger.Stored(now.Add(DefaultSettle)); !got.SearchFrom.Equal(want) {
			t.Errorf("not found counts from %v, want %v", got.SearchFrom, want)
		}
	})
}
