package invoker

import (
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// TestBudget checks an estimate under a budget, a start that waits for room, and that it goes on
// when another has ended and its usage is known.
func TestBudget(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Minute, tasks: oneTask, job: func(string) (*runpb.Job, error) { return jobWithLimits("1"), nil }}
		var limit atomic.Int64
		limit.Store(1)
		v := open(t, c, func(c *Config) {
			c.Budgets = func() ledger.Budgets {
				return ledger.Budgets{List: []ledger.Budget{{Name: "server", Limit: ledger.Cost{VCPU: limit.Load()}, Overflow: ledger.Queueing}}}
			}
		})
		estimate, err := v.Estimate(t.Context(), EstimateQuery{Job: "report"})
		if err != nil || len(estimate.Budgets) != 1 || *estimate.Budgets[0].Fits {
			t.Fatalf("Estimate() = %+v, %v, want a budget without room", estimate, err)
		}
		_, _, err = v.Invoke(t.Context(), Request{Job: "report"})
		if cause.KindOf(err) != cause.BudgetExhausted {
			t.Errorf("more than the whole budget: %v, want budget exhausted", err)
		}
		limit.Store(int64(estimate.Worst.VCPUSeconds * 1500))
		v.Reconsider()
		first := invoke(t, v, runwith.Overrides{})
		second := invoke(t, v, runwith.Overrides{})
		if w := now(t, v, second.ID).Waiting; second.State != runwith.StateQueued || w == nil || w.For != runwith.HoldBudget {
			t.Errorf("second: %s, waiting %+v, want queued for the budget", second.State, w)
		}
		wait(t, v, first.ID)
		used(t, v, first.ID)
		if i := wait(t, v, second.ID); i.State != runwith.StateSucceeded {
			t.Errorf("second after the first: %s, want succeeded", i.State)
		}
		used(t, v, second.ID)
		all, err := v.Budgets(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 1 {
			t.Fatalf("Budgets() = %+v, want one", all)
		}
		if used := *all[0].Used.VCPUSeconds; used != 180 {
			t.Errorf("used vCPU-seconds = %v, want 180", used)
		}
		if reserved := *all[0].Reserved.VCPUSeconds; reserved != 0 {
			t.Errorf("reserved vCPU-seconds = %v, want none", reserved)
		}
	})
}
