package api_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/api"
)

// Usage returns a report with names that a spreadsheet would take for formulas.
func (f *fake) Usage(_ context.Context, q invoker.UsageQuery) (runwith.UsageReport, error) {
	r := runwith.UsageReport{Month: "2026-11", By: "label=tenant", Groups: []runwith.UsageGroup{}, Note: q.Month + " " + q.By}
	for _, name := range []string{"", "acme", `=HYPERLINK("x")`, "-1", "a,b\n@"} {
		r.Groups = append(r.Groups, runwith.UsageGroup{Name: name, Invocations: 2, Tasks: 3, Usage: runwith.Usage{VCPUSeconds: 60.1, GiBSeconds: 1e9, USD: 0.000000018}})
	}
	return r, nil
}

func (f *fake) Estimate(_ context.Context, q invoker.EstimateQuery) (runwith.JobEstimate, error) {
	return runwith.JobEstimate{Job: q.Job, Tasks: q.Terms.Overrides.TaskCount, Timeout: q.Terms.Overrides.Timeout.String()}, nil
}

func TestUsage(t *testing.T) {
	t.Parallel()
	server := serveConfig(t, api.Config{Invoker: &fake{}})
	r := ask(t, server, "GET /api/v1/usage?month=2026-10&by=caller", "")
	var got runwith.UsageReport
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || got.Note != "2026-10 caller" || len(got.Groups) != 5 {
		t.Errorf("GET /usage = %s (%v), want the report of the query", r.body, err)
	}
	r = ask(t, server, "GET /api/v1/usage?format=csv", "")
	want := strings.Join([]string{
		"month,label,invocations,tasks,vcpu_seconds,gib_seconds,gpu_seconds,usd",
		"2026-11,,2,3,60.1,1000000000,0,0.000000018",
		"2026-11,acme,2,3,60.1,1000000000,0,0.000000018",
		`2026-11,"'=HYPERLINK(""x"")",2,3,60.1,1000000000,0,0.000000018`,
		"2026-11,'-1,2,3,60.1,1000000000,0,0.000000018",
		"2026-11,\"a,b\n@\",2,3,60.1,1000000000,0,0.000000018",
		"",
	}, "\n")
	if diff := cmp.Diff(want, r.body); diff != "" {
		t.Errorf("GET /usage?format=csv (-want +got):\n%s", diff)
	}
	if got := r.header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
		t.Errorf("Content-Type = %q", got)
	}
	for _, query := range []string{"month=2026-13", "month=november", "month=2026-1", "format=xml", "month=2026-10&month=2026-11"} {
		if r := ask(t, server, "GET /api/v1/usage?"+query, ""); r.status/100 != 4 {
			t.Errorf("GET /usage?%s = %d, want it refused", query, r.status)
		}
	}
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	server := serveConfig(t, api.Config{Invoker: &fake{}})
	r := ask(t, server, "GET /api/v1/jobs/test-job:estimate?taskCount=7&timeout=10m", "")
	var got runwith.JobEstimate
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatalf("GET :estimate = %s, %v", r.body, err)
	}
	if got.Job != "test-job" {
		t.Errorf("job = %q, want test-job", got.Job)
	}
	if got.Tasks != 7 {
		t.Errorf("tasks = %d, want the 7 of the query", got.Tasks)
	}
	if want := (10 * time.Minute).String(); got.Timeout != want {
		t.Errorf("timeout = %s, want that of the query, %s", got.Timeout, want)
	}
	for _, query := range []string{"timeout=soon", "taskCount=-1", "taskCount=x", "args=a"} {
		if r := ask(t, server, "GET /api/v1/jobs/test-job:estimate?"+query, ""); r.status/100 != 4 {
			t.Errorf("GET :estimate?%s = %d, want it refused", query, r.status)
		}
	}
}
