package usage_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/usage"
)

// templateOf returns a template with one container.
func templateOf(tasks, retries int32, timeout time.Duration, cpu, memory string) *runpb.ExecutionTemplate {
	return &runpb.ExecutionTemplate{TaskCount: tasks, Template: &runpb.TaskTemplate{
		Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: retries}, Timeout: durationpb.New(timeout),
		Containers: []*runpb.Container{{Resources: &runpb.ResourceRequirements{Limits: map[string]string{"cpu": cpu, "memory": memory}}}},
	}}
}

func TestWorst(t *testing.T) {
	t.Parallel()
	gpu := templateOf(1, 0, time.Hour, "4", "16Gi")
	gpu.Template.NodeSelector, gpu.Template.GpuZonalRedundancyDisabled = &runpb.NodeSelector{Accelerator: "nvidia-l4"}, new(true)
	unpriced := templateOf(1, 0, time.Hour, "20", "80Gi")
	unpriced.Template.NodeSelector = &runpb.NodeSelector{Accelerator: "nvidia-rtx-pro-6000"}
	for name, test := range map[string]struct {
		template *runpb.ExecutionTemplate
		want     ledger.Cost
	}{
		// 10 tasks × 600 s × 4 attempts = 24,000 s of 1 vCPU and 0.5 GiB.
		"tasks and retries": {templateOf(10, 3, 10*time.Minute, "1", "512Mi"), ledger.Cost{VCPU: 24_000_000, Memory: 12_000_000, Money: 24_000*18_000 + 12_000*2_000}},
		"defaults":          {&runpb.ExecutionTemplate{}, ledger.Cost{Memory: 1_200_000, Money: 1200 * 2000}},
		"minimum":           {templateOf(1, 1, time.Second, "1", "512Mi"), ledger.Cost{VCPU: 120_000, Memory: 60_000, Money: 120*18_000 + 60*2_000}},
		"GPU":               {gpu, ledger.Cost{VCPU: 14_400_000, Memory: 57_600_000, GPU: 3_600_000, Money: 14_400*18_000 + 57_600*2_000 + 3_600*186_700}},
		"GPU without price": {unpriced, ledger.Cost{VCPU: 72_000_000, Memory: 288_000_000, GPU: 3_600_000, Money: 72_000*18_000 + 288_000*2_000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := usage.BuiltIn().Worst(test.template, "us-central1"); got != test.want {
				t.Errorf("Worst() = %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestWorstSaturates checks that a template that no Cloud Run accepts has the largest cost
// instead of a small or negative one.
func TestWorstSaturates(t *testing.T) {
	t.Parallel()
	huge := templateOf(math.MaxInt32, math.MaxInt32, time.Duration(math.MaxInt64), "9000000000000000", "8E")
	want := ledger.Cost{VCPU: math.MaxInt64, Memory: math.MaxInt64, Money: math.MaxInt64}
	if got := usage.BuiltIn().Worst(huge, "us-central1"); got != want {
		t.Errorf("Worst() of more than fits = %+v, want %+v", got, want)
	}
}

func TestRegions(t *testing.T) {
	t.Parallel()
	p := usage.BuiltIn()
	template := templateOf(1, 0, 100*time.Second, "1", "1Gi")
	known := p.Worst(template, "us-central1")
	if got := p.Worst(template, "europe-west1"); got != known {
		t.Errorf("Worst() in a region without prices = %+v, want the fallback's %+v", got, known)
	}
	p.Fallback = ""
	if got := p.Worst(template, "europe-west1"); got.Money != 0 || got.VCPU != known.VCPU {
		t.Errorf("Worst() in a region without prices and fallback = %+v, want its units without money", got)
	}
	for name, want := range map[string]string{
		"projects/p/locations/us-east4/jobs/j": "us-east4", "projects/p/locations/us-west1/jobs/j/executions/j-1": "us-west1", "j": "",
	} {
		if got := usage.RegionOf(name); got != want {
			t.Errorf("RegionOf(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestShare compares the arithmetic with that of math/big.
func TestShare(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	number := func() int64 { return random.Int64() >> random.IntN(63) }
	for range 10_000 {
		a, b, of := number(), number(), 1+number()>>1
		exact := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		exact.Add(exact, big.NewInt(of-1)).Quo(exact, big.NewInt(of))
		want := int64(math.MaxInt64)
		if exact.IsInt64() {
			want = exact.Int64()
		}
		if got := usage.Share(a, b, of); got != want {
			t.Fatalf("share(%d, %d, %d) = %d, want %d", a, b, of, got, want)
		}
	}
}
