package access_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

func (f *fake) Usage(_ context.Context, q invoker.UsageQuery) (runwith.UsageReport, error) {
	f.filter.Visible = q.Visible
	return runwith.UsageReport{}, nil
}

func (f *fake) Estimate(_ context.Context, q invoker.EstimateQuery) (runwith.JobEstimate, error) {
	f.calls = append(f.calls, "Estimate")
	f.filter.Visible = q.Visible
	return runwith.JobEstimate{Job: q.Terms.Target}, nil
}

// TestUsageIsFiltered checks that sums have what lists have.
func TestUsageIsFiltered(t *testing.T) {
	t.Parallel()
	for caller, want := range map[string]*invoker.Visibility{
		"starter":  {Owner: "starter", Jobs: []string{}},
		"viewer":   {Owner: "viewer", Jobs: []string{"reindex"}},
		"operator": {All: true},
	} {
		f := &fake{}
		if _, err := open(t, f).Usage(as(t, caller), invoker.UsageQuery{}); err != nil {
			t.Errorf("Usage() as %s = %v", caller, err)
		}
		if diff := cmp.Diff(want, f.filter.Visible); diff != "" {
			t.Errorf("visible usage of %s (-want +got):\n%s", caller, diff)
		}
	}
}

// TestEstimateIsAStart checks that an estimate is refused as a start is, and needs no
// parameters.
func TestEstimateIsAStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		caller, job string
		asked       runwith.Overrides
		code        runwith.Code
		says        string
	}{
		{"starter", "reindex", runwith.Overrides{}, runwith.OK, ""},
		{"starter", "reindex", runwith.Overrides{TaskCount: 2}, runwith.PermissionDenied, "taskCount"},
		{"starter", "reindex", runwith.Overrides{Timeout: time.Minute}, runwith.PermissionDenied, "timeout"},
		{"viewer", "reindex", runwith.Overrides{}, runwith.PermissionDenied, "start"},
		{"stranger", "reindex", runwith.Overrides{}, runwith.NotFound, "reindex"},
		{"starter", "hidden", runwith.Overrides{}, runwith.NotFound, "hidden"},
		{"operator", "nothing", runwith.Overrides{}, runwith.NotFound, "nothing"},
	} {
		f := &fake{}
		got, err := open(t, f).Estimate(as(t, test.caller), invoker.EstimateQuery{Job: test.job, Asked: test.asked})
		call := "Estimate(" + test.job + ") as " + test.caller
		if runwith.CodeOf(err) != test.code {
			t.Errorf("%s = %v, want %v", call, err, test.code)
		}
		if err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s = %v, want %q in it", call, err, test.says)
		}
		if err != nil && len(f.calls) > 0 {
			t.Errorf("%s was refused, and has reached %v", call, f.calls)
		}
		if err == nil && got.Job != "projects/p/locations/r/jobs/other" {
			t.Errorf("Estimate(%s) asks about %s, want the job behind it", test.job, got.Job)
		}
	}
}
