package invoker

import (
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// jobWithLimits has one task with one retry of 100 s, in a region without prices of its own.
func jobWithLimits(cpu string) *runpb.Job {
	job := jobOf("report", &runpb.Container{Resources: &runpb.ResourceRequirements{Limits: map[string]string{"cpu": cpu, "memory": "1Gi"}}})
	job.Name = "projects/p/locations/europe-west1/jobs/report"
	job.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: 1}
	return job
}

// TestWorstIsStored checks that a row has its worst case before its job starts, and that of the
// execution afterwards: the job may have changed in between.
func TestWorstIsStored(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{job: func(string) (*runpb.Job, error) { return jobWithLimits("2"), nil }}
		v := open(t, c)
		i := invoke(t, v, runwith.Overrides{TaskCount: 3, Timeout: 100 * time.Second})
		// 3 tasks × 2 attempts × 100 s = 600 s of 2 vCPU and 1 GiB.
		want := ledger.Cost{VCPU: 1_200_000, Memory: 600_000, Money: 1200*18_000 + 600*2_000}
		if got := record(t, v, i.ID).Worst; got != want {
			t.Errorf("worst case of an accepted invocation = %+v, want %+v", got, want)
		}
		until(t, v, i.ID, runwith.StateRunning)
		// The execution of the test has one task with Cloud Run's defaults: 4 × 600 s.
		want = ledger.Cost{VCPU: 2_400_000, Memory: 1_200_000, Money: 2400*18_000 + 1200*2_000}
		if got := record(t, v, i.ID).Worst; got != want {
			t.Errorf("worst case of a running invocation = %+v, want its execution's %+v", got, want)
		}
	})
}

// TestWorstOfLateCheck checks that an invocation whose job could not be read has its worst case
// once it was checked.
func TestWorstOfLateCheck(t *testing.T) {
	in(t, func(t *testing.T) {
		reads := 0
		c := &cloud{job: func(string) (*runpb.Job, error) {
			if reads++; reads == 1 {
				return nil, runwith.Errorf(runwith.Unavailable, "why")
			}
			return jobWithLimits("1"), nil
		}}
		v := open(t, c)
		i := invoke(t, v, runwith.Overrides{Timeout: 100 * time.Second})
		until(t, v, i.ID, runwith.StateRunning)
		if got := record(t, v, i.ID).Worst; got == (ledger.Cost{}) {
			t.Error("worst case of an invocation that was checked late = none, want one")
		}
	})
}
