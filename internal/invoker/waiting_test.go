package invoker

import (
	"context"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// endless is an execution that runs until the end of the test.
func endless(name string) (*runpb.Execution, error) {
	return &runpb.Execution{Name: name, TaskCount: 1}, nil
}

// rated gives the job a rate.
func rated(n ledger.Quota) func(*Config) {
	return func(c *Config) {
		c.Rates = func() map[string]ledger.Quota { return map[string]ledger.Quota{"report": n} }
	}
}

// TestWaiting checks what an invocation waits for, and until when, in every view.
func TestWaiting(t *testing.T) {
	busy := func(err error) runFunc {
		return func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) { return nil, err }
	}
	for name, test := range map[string]struct {
		cloud   *cloud
		change  func(*Config)
		want    runwith.Hold
		message string
		next    time.Duration // from the start; 0 for none
	}{
		"slot": {
			&cloud{execution: endless}, bounded(1, ledger.Queueing),
			runwith.HoldSlot, "waits for a slot of key report: at most 1", 0,
		},
		"slot and rate": {
			&cloud{execution: endless}, func(c *Config) {
				bounded(1, ledger.Queueing)(c)
				rated(1)(c)
			}, runwith.HoldSlot, "waits for a slot", 0,
		},
		"rate": {
			&cloud{execution: endless}, rated(10),
			runwith.HoldRate, "report starts at most 10 times a minute", 6 * time.Second,
		},
		"quota of the flag": {
			&cloud{execution: endless}, func(c *Config) { c.Limits.Runs = 1 },
			runwith.HoldQuota, "at most 1 executions start in a minute (--run-quota)", time.Minute,
		},
		"quota of Cloud Run": {
			&cloud{run: busy(tooMany(5 * time.Minute))}, func(*Config) {}, runwith.HoldQuota, "Cloud Run's quota is used up: too many", 5 * time.Minute,
		},
		"Cloud Run is away": {
			&cloud{run: busy(errDial)}, func(*Config) {}, runwith.HoldCloudRun, "Cloud Run did not take the last call: " + errDial.Error(), time.Second,
		},
		"the job cannot be read": {
			&cloud{job: func(string) (*runpb.Job, error) { return nil, errDial }}, func(*Config) {},
			runwith.HoldCloudRun, "the job cannot be read from Cloud Run: " + errDial.Error(), time.Second,
		},
		"an answer was lost": {
			&cloud{run: busy(runwith.Errorf(runwith.Unavailable, "broken"))}, func(*Config) {},
			runwith.HoldSearch, "it is unknown whether the last call started the job", 2 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				began := time.Now()
				v := open(t, test.cloud, test.change)
				ids := invokeN(t, v, 2)
				time.Sleep(100 * time.Millisecond)
				got := now(t, v, ids[1])
				page, _, err := v.Invocations(t.Context(), Filter{})
				if err != nil {
					t.Fatal(err)
				}
				listed := page[0].Waiting
				if listed == nil || got.Waiting == nil {
					t.Fatalf("waiting in the list = %+v, in the invocation = %+v, want both", listed, got.Waiting)
				}
				if *listed != *got.Waiting {
					t.Fatalf("waiting in the list = %+v, want that of the invocation, %+v", listed, got.Waiting)
				}
				if w := got.Waiting; w.For != test.want || !strings.Contains(w.Message, test.message) {
					t.Errorf("waiting = %+v, want it to be for %s: %s", w, test.want, test.message)
				}
				next := got.Waiting.Next
				if want := test.next > 0; next.IsZero() == want {
					t.Errorf("next = %v, want one: %t", next, want)
				}
				if after := next.Sub(began); test.next > 0 && (after < test.next/2 || after > 2*test.next) {
					t.Errorf("next = %v after the start, want about %v", after, test.next)
				}
			})
		})
	}
}

// TestNotWaiting checks that nothing holds back an invocation with an execution, and one
// that has ended.
func TestNotWaiting(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{execution: endless}, bounded(1, ledger.Queueing))
		ids := invokeN(t, v, 2)
		until(t, v, ids[0], runwith.StateRunning)
		cancelled, err := v.Cancel(t.Context(), ids[1])
		if running := now(t, v, ids[0]); running.Waiting != nil || cancelled.Waiting != nil || err != nil {
			t.Errorf("waiting = %+v when running, %+v, %v when cancelled; want none", running.Waiting, cancelled.Waiting, err)
		}
	})
}
