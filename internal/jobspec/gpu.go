package jobspec

import "cloud.google.com/go/run/apiv2/runpb"

// The maximum timeouts of an attempt with a GPU, in seconds.
//
// See https://cloud.google.com/run/docs/configuring/task-timeout.
const (
	maxGPUTimeout        = 60 * 60
	maxGPUPreviewTimeout = 12 * 60 * 60 // with launch stage ALPHA or BETA
)

// acceleratorL4 is the GPU of a job that names none.
const acceleratorL4 = "nvidia-l4"

// gpuType is a type of GPU, with the least CPU and memory that its container needs.
type gpuType struct {
	cpu, memory quantity
	// The limits of a container that sets none.
	defaultCPU, defaultMemory string
}

// The known types of GPUs. Cloud Run uses the L4 for a job that names no accelerator.
//
// See https://cloud.google.com/run/docs/configuring/jobs/gpu.
var (
	gpuL4         = gpuType{4 * unit, 16 * gibi, "4000m", "16Gi"}
	gpuRTXPro6000 = gpuType{20 * unit, 80 * gibi, "20000m", "80Gi"}
)

// gpuOf returns the type of a container's GPU, or false if it has none. The type is zero,
// without a minimum, for an accelerator that is newer than this code. A GPU belongs to the
// container with the limit, or to the only container.
func gpuOf(t *runpb.TaskTemplate, c *runpb.Container) (gpuType, bool) {
	accelerator := t.GetNodeSelector().GetAccelerator()
	_, limited := c.GetResources().GetLimits()[limitGPU]
	if !limited && (accelerator == "" || len(t.GetContainers()) > 1) {
		return gpuType{}, false
	}
	switch accelerator {
	case "", acceleratorL4:
		return gpuL4, true
	case "nvidia-rtx-pro-6000":
		return gpuRTXPro6000, true
	}
	return gpuType{defaultCPU: gpuL4.defaultCPU, defaultMemory: gpuL4.defaultMemory}, true
}

// usesGPU reports whether a task has a GPU.
func usesGPU(t *runpb.TaskTemplate) bool {
	for _, c := range t.GetContainers() {
		if _, limited := c.GetResources().GetLimits()[limitGPU]; limited {
			return true
		}
	}
	return t.GetNodeSelector().GetAccelerator() != ""
}

// validateZonalRedundancy demands the setting that Cloud Run needs for jobs with a GPU, and
// refuses it for others.
func validateZonalRedundancy(p Place, t *runpb.TaskTemplate) {
	switch gpu := usesGPU(t); {
	case gpu && !t.GetGpuZonalRedundancyDisabled():
		p.Addf("must be true, because jobs have GPUs only without zonal redundancy")
	case !gpu && t.GetGpuZonalRedundancyDisabled():
		p.Addf("needs a GPU, leave it out")
	}
}

// validateGPUSize checks the size of a task's only container, which has a GPU.
func validateGPUSize(p Place, s size, gpu gpuType) {
	if s.cpu < gpu.cpu {
		p.Key(limitCPU).Addf("must be at least %d for this GPU, not %s", gpu.cpu/unit, Quote(s.cpuText))
	}
	if s.memory < gpu.memory {
		p.Key(limitMemory).Addf("must be at least %dGi for this GPU", gpu.memory/gibi)
	}
}
