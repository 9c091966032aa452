package invoker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// reusing is a Cloud Run that gives every execution the same name. It has only the newest,
// because the others were deleted. withUID means that each has a UID.
func reusing(life time.Duration, withUID bool) *cloud {
	c := &cloud{life: life}
	c.run = func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
		start()
		c.mu.Lock()
		defer c.mu.Unlock()
		newest := c.got.started[len(c.got.started)-1]
		newest.Name = executionOf("report", "same")
		if withUID {
			newest.Uid = fmt.Sprint("uid-", n)
		}
		c.got.started = []*runpb.Execution{newest}
		return proto.CloneOf(newest), nil
	}
	return c
}

// TestANameIsUsedAgain starts an invocation whose execution has the name of an earlier one's
// that has ended. The job's only slot must not stay taken.
func TestANameIsUsedAgain(t *testing.T) {
	t.Parallel()
	for _, withUID := range []bool{true, false} {
		t.Run(fmt.Sprint("UIDs: ", withUID), func(t *testing.T) {
			in(t, func(t *testing.T) {
				v := open(t, reusing(5*time.Second, withUID), bounded(1, ledger.Queueing))
				for n := range 3 {
					if got := wait(t, v, invoke(t, v, runwith.Overrides{}).ID); got.State != runwith.StateSucceeded {
						t.Errorf("invocation %d = %+v, %+v, want it to have succeeded", n, got, got.Error)
					}
				}
			})
		})
	}
}

// TestANameIsUsedAgainTooSoon deletes the execution of an invocation that runs, and gives
// its name to another one's. Neither takes the other's result or cancel.
func TestANameIsUsedAgainTooSoon(t *testing.T) {
	in(t, func(t *testing.T) {
		c := reusing(time.Hour, true)
		v := open(t, c)
		first := invoke(t, v, runwith.Overrides{})
		until(t, v, first.ID, runwith.StateRunning)
		second := invoke(t, v, runwith.Overrides{})
		until(t, v, second.ID, runwith.StateRunning)
		if _, err := v.Cancel(t.Context(), first.ID); err != nil {
			t.Fatal(err)
		}
		if got := wait(t, v, first.ID); got.State != runwith.StateUnresolved || got.Error.Code != "NOT_FOUND" {
			t.Errorf("the first = %+v, %+v, want it unresolved, because its execution is gone", got, got.Error)
		}
		if got := wait(t, v, second.ID); got.State != runwith.StateSucceeded || len(c.seen().cancels) > 0 {
			t.Errorf("the second = %+v, cancels = %q, want that it succeeded and was not cancelled", got, c.seen().cancels)
		}
	})
}

// TestAnExecutionOfTwoInvocations shows the marker of a second invocation in the execution of
// a first. The second must not search for ever, with its slot taken.
func TestAnExecutionOfTwoInvocations(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		c.run = func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			start()
			c.mu.Lock()
			defer c.mu.Unlock()
			newest := c.got.started[len(c.got.started)-1]
			newest.Name, newest.Uid = executionOf("report", "same"), "uid"
			if n > 0 {
				return nil, runwith.Errorf(runwith.Unavailable, "the connection broke")
			}
			return proto.CloneOf(newest), nil
		}
		v := open(t, c)
		first := invoke(t, v, runwith.Overrides{})
		until(t, v, first.ID, runwith.StateRunning)
		second := invoke(t, v, runwith.Overrides{})
		if got := wait(t, v, second.ID); got.State != runwith.StateUnresolved || !strings.Contains(got.Error.Message, "belongs to another one") {
			t.Errorf("the second = %+v, %+v, want it unresolved", got, got.Error)
		}
		if got := now(t, v, first.ID); got.State != runwith.StateRunning {
			t.Errorf("the first = %+v, want it to run", got)
		}
	})
}
