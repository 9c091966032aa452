package usage

import (
	"maps"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// Tally adds up what the tasks of one execution have used. Make it with [Prices.Tally].
type Tally struct {
	prices Prices
	record ledger.Record
	steps  map[jobspec.Size]int64
	tasks  int
	basis  runwith.UsageBasis
}

// Tally returns a tally for the execution of a record that has ended.
func (p Prices) Tally(r ledger.Record) *Tally {
	return &Tally{prices: p, record: r, steps: map[jobspec.Size]int64{}, basis: runwith.UsageFromNothing}
}

// Task adds a task. Each of its attempts counts for the minimum at least. Attempts have no
// times of their own, so the time between them counts too, until their timeouts are used up.
func (t *Tally) Task(task *runpb.Task) {
	t.basis = runwith.UsageFromTasks
	if task.GetStartTime() == nil {
		return // it was cancelled before it ran
	}
	t.tasks++
	template := templateOf(task)
	attempts := 1 + int64(task.GetRetried())
	_, _, seconds := jobspec.Bounds(1, template)
	n := min(steps(t.ended(task).Sub(task.GetStartTime().AsTime())), times(attempts, times(seconds, int64(time.Second/step))))
	t.add(template, max(n, times(attempts, steps(t.prices.Minimum))))
}

// Times adds all tasks at once, by the times of the execution: its tasks cannot be read any
// more. No more tasks have run at the same time than parallelism allows; 0 allows all.
func (t *Tally) Times(template *runpb.TaskTemplate, parallelism int32) {
	r := t.record
	if r.Started.IsZero() || r.State == runwith.StateUnresolved { // a person has ended it, at some time
		return
	}
	t.basis, t.tasks = runwith.UsageFromExecution, max(1, r.Counts.Tasks)
	tasks, together := int64(t.tasks), int64(t.tasks)
	if parallelism > 0 {
		together = min(together, int64(parallelism))
	}
	_, attempts, seconds := jobspec.Bounds(1, template)
	most := times(times(tasks, attempts), times(seconds, int64(time.Second/step)))
	n := min(times(together, steps(r.Finished.Sub(r.Started))), most)
	t.add(template, max(n, times(tasks+int64(r.Counts.Retried), steps(t.prices.Minimum))))
}

func (t *Tally) add(template *runpb.TaskTemplate, n int64) {
	size := jobspec.SizeOf(template)
	t.steps[size] = ledger.Cost{VCPU: t.steps[size]}.Plus(ledger.Cost{VCPU: n}).VCPU
}

// ended returns when a task ended. One that was cancelled may not say so.
func (t *Tally) ended(task *runpb.Task) time.Time {
	if task.GetCompletionTime() != nil {
		return task.GetCompletionTime().AsTime()
	}
	return t.record.Finished
}

// Settlement returns the settlement of the record.
func (t *Tally) Settlement() ledger.Settlement {
	region := RegionOf(t.record.Execution)
	rates, _ := t.prices.rates(region)
	s := ledger.Settlement{Record: t.record, Tasks: t.tasks}
	for size, n := range t.steps {
		s.Cost = s.Cost.Plus(costOf(size, n, rates))
	}
	s.Usage = t.prices.shown(s.Cost, region, slices.Collect(maps.Keys(t.steps))...)
	s.Usage.Basis = t.basis
	return s
}

// templateOf returns what a task shows of its template.
func templateOf(t *runpb.Task) *runpb.TaskTemplate {
	return &runpb.TaskTemplate{
		Containers: t.GetContainers(), Timeout: t.GetTimeout(), NodeSelector: t.GetNodeSelector(), GpuZonalRedundancyDisabled: t.GpuZonalRedundancyDisabled,
	}
}
