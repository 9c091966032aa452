package jobspec_test

import (
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/jobspec"
)

func sized(limits ...string) *runpb.Container {
	c := &runpb.Container{Resources: &runpb.ResourceRequirements{Limits: map[string]string{}}}
	for i := 0; i < len(limits); i += 2 {
		c.Resources.Limits[limits[i]] = limits[i+1]
	}
	return c
}

func TestSizeOf(t *testing.T) {
	t.Parallel()
	of := func(containers ...*runpb.Container) *runpb.TaskTemplate {
		return &runpb.TaskTemplate{Containers: containers}
	}
	accelerated := func(t *runpb.TaskTemplate, accelerator string, disabled bool) *runpb.TaskTemplate {
		t.NodeSelector, t.GpuZonalRedundancyDisabled = &runpb.NodeSelector{Accelerator: accelerator}, &disabled
		return t
	}
	const mebi = 1 << 20
	for name, test := range map[string]struct {
		template *runpb.TaskTemplate
		want     jobspec.Size
	}{
		"defaults":            {of(&runpb.Container{}), jobspec.Size{MilliCPU: 1000, Bytes: 512 * mebi}},
		"defaults of several": {of(&runpb.Container{}, &runpb.Container{}), jobspec.Size{MilliCPU: 2000, Bytes: 512 * mebi}},
		"whole CPU":           {of(sized("cpu", "2", "memory", "1Gi")), jobspec.Size{MilliCPU: 2000, Bytes: 1024 * mebi}},
		"thousandths":         {of(sized("cpu", "1000m", "memory", "1G")), jobspec.Size{MilliCPU: 1000, Bytes: 1e9}},
		"sum":                 {of(sized("cpu", "500m", "memory", "256Mi"), sized("cpu", "80m", "memory", "512Mi")), jobspec.Size{MilliCPU: 580, Bytes: 768 * mebi}},
		"least memory":        {of(sized("cpu", "1", "memory", "128Mi")), jobspec.Size{MilliCPU: 1000, Bytes: 512 * mebi}},
		"invalid":             {of(sized("cpu", "many", "memory", "-1Gi")), jobspec.Size{MilliCPU: 1000, Bytes: 512 * mebi}},
		"no containers":       {of(), jobspec.Size{Bytes: 512 * mebi}},
		"GPU by limit":        {of(sized("nvidia.com/gpu", "1")), jobspec.Size{MilliCPU: 4000, Bytes: 16 << 30, GPU: "nvidia-l4", Zonal: true}},
		"GPU by accelerator": {
			accelerated(of(sized("cpu", "20", "memory", "80Gi")), "nvidia-rtx-pro-6000", true),
			jobspec.Size{MilliCPU: 20_000, Bytes: 80 << 30, GPU: "nvidia-rtx-pro-6000"},
		},
		"too much": {
			of(sized("cpu", "9000000000000000"), sized("cpu", "9000000000000000", "memory", "8000000000000000")),
			jobspec.Size{MilliCPU: math.MaxInt64, Bytes: 8000000000000000 + 256*mebi},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := jobspec.SizeOf(test.template); got != test.want {
				t.Errorf("SizeOf() = %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	type bounds struct{ tasks, attempts, seconds int64 }
	for name, test := range map[string]struct {
		count    int32
		template *runpb.TaskTemplate
		want     bounds
	}{
		"defaults":   {0, &runpb.TaskTemplate{}, bounds{1, 4, 600}},
		"no retries": {3, &runpb.TaskTemplate{Retries: &runpb.TaskTemplate_MaxRetries{}, Timeout: durationpb.New(90 * time.Second)}, bounds{3, 1, 90}},
		"retries":    {10_000, &runpb.TaskTemplate{Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: 10}}, bounds{10_000, 11, 600}},
		"a fraction": {1, &runpb.TaskTemplate{Timeout: durationpb.New(90*time.Second + 1)}, bounds{1, 4, 91}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bounds
			got.tasks, got.attempts, got.seconds = jobspec.Bounds(test.count, test.template)
			if got != test.want {
				t.Errorf("Bounds() = %+v, want %+v", got, test.want)
			}
		})
	}
}
