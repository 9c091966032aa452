package invoker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// TestReport checks the sums, the free tier and the estimate of a job after three invocations of
// 90 s each.
func TestReport(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{life: time.Minute, tasks: oneTask, job: func(string) (*runpb.Job, error) { return jobWithLimits("1"), nil }})
		for _, id := range invokeN(t, v, 3) {
			wait(t, v, id)
			used(t, v, id)
		}
		got, err := v.Usage(t.Context(), UsageQuery{By: "day"})
		if err != nil {
			t.Fatal(err)
		}
		sum := runwith.UsageGroup{Name: "2000-01-01", Invocations: 3, Tasks: 3, Usage: runwith.Usage{VCPUSeconds: 270, GiBSeconds: 135, USD: 0.00513}}
		total := sum
		total.Name = ""
		want := runwith.UsageReport{
			Month: "2000-01", By: "day", Groups: []runwith.UsageGroup{sum}, Total: total, Prices: "2026-11-28", Note: usageNote,
			Free: runwith.FreeTier{VCPUSeconds: 240_000, GiBSeconds: 450_000}, Left: runwith.FreeTier{VCPUSeconds: 239_730, GiBSeconds: 449_865},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Usage() (-want +got):\n%s", diff)
		}
		estimate, err := v.Estimate(t.Context(), EstimateQuery{Job: "report", Terms: Terms{Overrides: runwith.Overrides{TaskCount: 5, Timeout: 100 * time.Second}}})
		wantEstimate := runwith.JobEstimate{
			Job: "report", Tasks: 5, Attempts: 2, Timeout: "1m40s", Month: "2000-01", Invocations: 3,
			Worst:   runwith.Usage{VCPUSeconds: 1000, GiBSeconds: 1000, USD: 0.02, Prices: "2026-11-28", PricedAs: "us-central1"},
			Average: &runwith.Usage{VCPUSeconds: 90, GiBSeconds: 45, USD: 0.00171},
		}
		if diff := cmp.Diff(wantEstimate, estimate); diff != "" || err != nil {
			t.Errorf("Estimate() = %v (-want +got):\n%s", err, diff)
		}
		for _, q := range []UsageQuery{{By: "label="}, {By: "label=A b"}, {By: "x"}, {Month: "2026-00"}} {
			if _, err := v.Usage(t.Context(), q); runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Errorf("Usage(%+v) = %v, want INVALID_ARGUMENT", q, err)
			}
		}
		if _, err := v.Estimate(t.Context(), EstimateQuery{Job: "report", Terms: Terms{Overrides: runwith.Overrides{TaskCount: 10_001}}}); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Estimate() of too many tasks = %v, want INVALID_ARGUMENT", err)
		}
	})
}
