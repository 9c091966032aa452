package usage

import (
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// Worst returns the most that an execution can cost: every task is attempted as often as it may
// be, and each attempt takes until its timeout. t is the job's template after the overrides of
// the request. No estimate of [Prices.Used] is higher, with the same prices.
func (p Prices) Worst(t *runpb.ExecutionTemplate, region string) ledger.Cost {
	return p.worst(t.GetTaskCount(), t.GetTemplate(), region)
}

// WorstOf is [Prices.Worst] of an execution that Cloud Run has made.
func (p Prices) WorstOf(e *runpb.Execution) ledger.Cost {
	return p.worst(e.GetTaskCount(), e.GetTemplate(), RegionOf(e.GetName()))
}

func (p Prices) worst(taskCount int32, t *runpb.TaskTemplate, region string) ledger.Cost {
	rates, _ := p.rates(region)
	tasks, attempts, seconds := jobspec.Bounds(taskCount, t)
	attempt := max(times(seconds, int64(time.Second/step)), steps(p.Minimum))
	return costOf(jobspec.SizeOf(t), times(times(tasks, attempts), attempt), rates)
}

// RegionOf returns the region of a job or an execution by its resource name. It is empty for
// a name of another form.
func RegionOf(name string) string {
	if job, err := jobspec.ParseJob(name); err == nil {
		return job.Region
	}
	execution, _ := jobspec.ParseExecution(name)
	return execution.Job.Region
}
