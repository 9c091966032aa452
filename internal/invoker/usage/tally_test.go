package usage_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/usage"
)

var began = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// ranFor returns a task of a template that took some time. A negative one never ran.
func ranFor(t *runpb.ExecutionTemplate, d time.Duration, retried int32) *runpb.Task {
	task := &runpb.Task{
		Containers: t.GetTemplate().GetContainers(), Timeout: t.GetTemplate().GetTimeout(), Retried: retried,
		NodeSelector: t.GetTemplate().GetNodeSelector(), GpuZonalRedundancyDisabled: t.GetTemplate().GpuZonalRedundancyDisabled,
	}
	if d >= 0 {
		task.StartTime, task.CompletionTime = timestamppb.New(began), timestamppb.New(began.Add(d))
	}
	return task
}

// endedIn returns a record whose execution is in a region.
func endedIn(region string) ledger.Record {
	return ledger.Record{Invocation: runwith.Invocation{
		State: runwith.StateSucceeded, Execution: "projects/p/locations/" + region + "/jobs/j/executions/j-1",
		Started: began, Finished: began.Add(10 * time.Minute), Counts: runwith.Counts{Tasks: 4, Retried: 1},
	}}
}

// spent is a cost of 1 vCPU and 0.5 GiB for some seconds, by the prices of us-central1.
func spent(seconds float64) ledger.Cost {
	c := ledger.Cost{VCPU: int64(seconds * 1000), Memory: int64(seconds * 500)}
	c.Money = c.VCPU*18 + c.Memory*2
	return c
}

func TestTasks(t *testing.T) {
	t.Parallel()
	template := templateOf(1, 3, 5*time.Minute, "1", "512Mi")
	unended := ranFor(template, 0, 0)
	unended.CompletionTime = nil
	for name, test := range map[string]struct {
		tasks []*runpb.Task
		want  ledger.Cost
		ran   int
	}{
		"rounded up to 100 ms":      {[]*runpb.Task{ranFor(template, 90*time.Second+time.Nanosecond, 0)}, spent(90.1), 1},
		"exact":                     {[]*runpb.Task{ranFor(template, 90*time.Second, 0)}, spent(90), 1},
		"minimum":                   {[]*runpb.Task{ranFor(template, time.Second, 0)}, spent(60), 1},
		"minimum of each attempt":   {[]*runpb.Task{ranFor(template, 70*time.Second, 2)}, spent(180), 1},
		"longer than the minima":    {[]*runpb.Task{ranFor(template, 200*time.Second, 2)}, spent(200), 1},
		"several":                   {[]*runpb.Task{ranFor(template, 100*time.Second, 0), ranFor(template, 80*time.Second, 0)}, spent(180), 2},
		"never ran":                 {[]*runpb.Task{ranFor(template, -1, 0)}, ledger.Cost{}, 0},
		"waits between attempts":    {[]*runpb.Task{ranFor(template, time.Hour, 1)}, spent(600), 1}, // 2 timeouts
		"no end but the invocation": {[]*runpb.Task{unended}, spent(300), 1},                        // the timeout
		"ends before it starts":     {[]*runpb.Task{{Containers: template.GetTemplate().GetContainers(), StartTime: timestamppb.New(began), CompletionTime: timestamppb.New(began.Add(-time.Hour))}}, spent(60), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tally := usage.BuiltIn().Tally(endedIn("us-central1"))
			for _, task := range test.tasks {
				tally.Task(task)
			}
			s := tally.Settlement()
			if s.Cost != test.want || s.Tasks != test.ran || s.Usage.Basis != runwith.UsageFromTasks {
				t.Errorf("settlement = %+v of %d tasks from %s, want %+v of %d from tasks", s.Cost, s.Tasks, s.Usage.Basis, test.want, test.ran)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	template := templateOf(4, 3, 5*time.Minute, "1", "512Mi").GetTemplate()
	unresolved, unstarted, short := endedIn("us-central1"), endedIn("us-central1"), endedIn("us-central1")
	unresolved.State = runwith.StateUnresolved
	unstarted.Started = time.Time{}
	short.Finished = began.Add(time.Second)
	for name, test := range map[string]struct {
		record      ledger.Record
		parallelism int32
		want        ledger.Cost
		basis       runwith.UsageBasis
	}{
		"all at once":     {endedIn("us-central1"), 0, spent(2400), runwith.UsageFromExecution},
		"two at a time":   {endedIn("us-central1"), 2, spent(1200), runwith.UsageFromExecution},
		"minimum":         {short, 0, spent(300), runwith.UsageFromExecution}, // 4 tasks and one more attempt
		"unresolved":      {unresolved, 0, ledger.Cost{}, runwith.UsageFromNothing},
		"never started":   {unstarted, 0, ledger.Cost{}, runwith.UsageFromNothing},
		"of many at once": {endedIn("us-central1"), 100, spent(2400), runwith.UsageFromExecution},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tally := usage.BuiltIn().Tally(test.record)
			tally.Times(template, test.parallelism)
			if s := tally.Settlement(); s.Cost != test.want || s.Usage.Basis != test.basis {
				t.Errorf("settlement = %+v from %s, want %+v from %s", s.Cost, s.Usage.Basis, test.want, test.basis)
			}
		})
	}
}

// TestSettlementSaysWhatItKnows checks what an estimate says of its prices.
func TestSettlementSaysWhatItKnows(t *testing.T) {
	t.Parallel()
	tally := usage.BuiltIn().Tally(endedIn("europe-west1"))
	unpriced := templateOf(1, 0, time.Hour, "20", "80Gi")
	unpriced.Template.NodeSelector = &runpb.NodeSelector{Accelerator: "nvidia-rtx-pro-6000"}
	tally.Task(ranFor(unpriced, 100*time.Second, 0))
	want := runwith.Usage{
		VCPUSeconds: 2000, GiBSeconds: 8000, GPUSeconds: 100, USD: 0.052,
		Basis: runwith.UsageFromTasks, Prices: "2026-11-28", PricedAs: "us-central1", Unpriced: "nvidia-rtx-pro-6000",
	}
	if diff := cmp.Diff(want, tally.Settlement().Usage); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
}

// TestNeverMoreThanWorst checks that no estimate is higher than the worst case: otherwise a
// reservation would not hold.
func TestNeverMoreThanWorst(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	p := usage.BuiltIn()
	for range 2000 {
		tasks, retries := 1+random.Int32N(20), random.Int32N(4)
		template := templateOf(tasks, retries, time.Duration(1+random.IntN(600))*time.Second, []string{"1", "2", "1500m", "333m"}[random.IntN(4)], []string{"512Mi", "1G", "3333333"}[random.IntN(3)])
		r := endedIn("us-central1")
		r.Finished, r.Counts = began.Add(time.Duration(random.Int64N(int64(2*time.Hour)))), runwith.Counts{Tasks: int(tasks), Retried: int(tasks * retries)}
		byTask, byTimes := p.Tally(r), p.Tally(r)
		for range tasks {
			byTask.Task(ranFor(template, time.Duration(random.Int64N(int64(time.Hour))), random.Int32N(retries+1)))
		}
		byTimes.Times(template.GetTemplate(), random.Int32N(tasks+1))
		worst := p.Worst(template, "us-central1")
		for _, tally := range []*usage.Tally{byTask, byTimes} {
			if c := tally.Settlement().Cost; c.VCPU > worst.VCPU || c.Memory > worst.Memory || c.Money > worst.Money {
				t.Fatalf("estimate = %+v, more than the worst case %+v of %v", c, worst, template)
			}
		}
	}
}

// TestMinimum checks a minimum from a file of prices.
func TestMinimum(t *testing.T) {
	t.Parallel()
	p := usage.BuiltIn()
	p.Minimum = 0
	template := templateOf(1, 0, time.Minute, "1", "512Mi")
	tally := p.Tally(endedIn("us-central1"))
	tally.Task(ranFor(template, 1500*time.Millisecond, 0))
	if got := tally.Settlement().Cost; got != spent(1.5) {
		t.Errorf("cost without a minimum = %+v, want %+v", got, spent(1.5))
	}
	template.Template.Timeout = durationpb.New(2 * time.Second)
	if got := p.Worst(template, "us-central1"); got != spent(2) {
		t.Errorf("worst case without a minimum = %+v, want %+v", got, spent(2))
	}
}

// TestExampleOfTheDocs computes the example in docs/cost.md.
func TestExampleOfTheDocs(t *testing.T) {
	t.Parallel()
	template := templateOf(3, 3, 10*time.Minute, "1", "512Mi")
	tally := usage.BuiltIn().Tally(endedIn("us-central1"))
	for d, retried := range map[time.Duration]int32{90*time.Second + 30*time.Millisecond: 0, 12 * time.Second: 0, 25 * time.Second: 1} {
		tally.Task(ranFor(template, d, retried))
	}
	if got := tally.Settlement().Usage; got.VCPUSeconds != 270.1 || got.GiBSeconds != 135.05 || got.USD != 0.0051319 {
		t.Errorf("usage = %+v, want that of docs/cost.md", got)
	}
}
