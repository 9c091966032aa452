package jobspec

import (
	"math"

	"cloud.google.com/go/run/apiv2/runpb"
)

// minTaskMemory is the least memory of a task.
// https://cloud.google.com/run/docs/configuring/jobs/memory-limits
const minTaskMemory = 512 << 20

// Size is what a task has while it runs.
type Size struct {
	MilliCPU, Bytes int64
	// GPU is the type of its GPU, such as nvidia-l4; empty: it has none. Zonal means that the
	// GPU has zonal redundancy.
	GPU   string
	Zonal bool
}

// SizeOf returns the size of a task: the sum of the limits of its containers, and Cloud Run's
// defaults for those that are unset or invalid. A sum that is too large is the largest number.
func SizeOf(t *runpb.TaskTemplate) Size {
	var s Size
	for _, c := range t.GetContainers() {
		unsetCPU, unsetMemory := unsetLimits(t, c)
		limits := c.GetResources().GetLimits()
		s.MilliCPU = sum(s.MilliCPU, int64(amount(limits[limitCPU], unsetCPU)))
		s.Bytes = sum(s.Bytes, int64(amount(limits[limitMemory], unsetMemory)/unit))
	}
	s.Bytes = max(s.Bytes, minTaskMemory)
	if usesGPU(t) {
		s.GPU, s.Zonal = t.GetNodeSelector().GetAccelerator(), !t.GetGpuZonalRedundancyDisabled()
		if s.GPU == "" {
			s.GPU = acceleratorL4
		}
	}
	return s
}

// sum returns the sum of two numbers that are not negative.
func sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Bounds returns how many tasks an execution has, how often each is attempted at most, and
// how many seconds an attempt takes at most. Unset fields count as Cloud Run's defaults.
func Bounds(taskCount int32, t *runpb.TaskTemplate) (tasks, attempts, seconds int64) {
	tasks, attempts, seconds = max(1, int64(taskCount)), 1+defaultRetries, defaultTimeout
	if t.GetRetries() != nil {
		attempts = 1 + max(0, int64(t.GetMaxRetries()))
	}
	if timeout := t.GetTimeout(); timeout != nil {
		seconds = max(0, timeout.GetSeconds())
		if timeout.GetNanos() > 0 {
			seconds = sum(seconds, 1)
		}
	}
	return tasks, attempts, seconds
}
