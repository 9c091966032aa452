package jobspec

import (
	"cmp"
	"maps"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"
)

// The keys of resources.limits that Cloud Run accepts.
const (
	limitCPU    = "cpu"
	limitMemory = "memory"
	limitGPU    = "nvidia.com/gpu"
)

// The limits of a container that sets none.
const (
	defaultCPU    = "1000m"
	defaultMemory = "512Mi"
	// defaultMemoryOfMany is the memory of each of several containers. Cloud Run documents
	// 512Mi for all; its recorded answers have this.
	defaultMemoryOfMany = "256Mi"
)

// minSharedCPU is the smallest share of a CPU for a container in a task with several.
const minSharedCPU = 80 * unit / 1000

// unsetLimits returns the limits of a container that sets none.
func unsetLimits(t *runpb.TaskTemplate, c *runpb.Container) (cpu, memory string) {
	if gpu, ok := gpuOf(t, c); ok {
		return gpu.defaultCPU, gpu.defaultMemory
	}
	if len(t.GetContainers()) > 1 {
		return defaultCPU, defaultMemoryOfMany
	}
	return defaultCPU, defaultMemory
}

// validateResources checks the resources of a container. Unset limits count as their
// defaults, so the result is the same before and after [Defaults].
//
// See https://cloud.google.com/run/docs/configuring/jobs/cpu and
// https://cloud.google.com/run/docs/configuring/jobs/memory-limits.
func validateResources(p Place, t *runpb.TaskTemplate, c *runpb.Container) {
	if c.GetResources().GetCpuIdle() {
		p.Field("cpu_idle").Addf("must be false or left out, because jobs always have their CPU")
	}
	limits := p.Field("limits")
	validateLimitKeys(limits, c.GetResources().GetLimits())
	size, ok := sizeOf(limits, t, c)
	gpu, needsGPU := gpuOf(t, c)
	switch alone := len(t.GetContainers()) == 1; {
	case !ok:
	case needsGPU && alone:
		validateGPUSize(limits, size, gpu)
	case needsGPU: // Deviation: beside other containers, its size is not checked
	case alone:
		validateSize(limits, size)
	default:
		validateSharedSize(limits, size)
	}
}

// size is the CPU and memory of a container.
type size struct {
	cpu, memory quantity
	cpuText     string // as written
}

// sizeOf returns the size that a container's limits or their defaults define. It returns
// false if it has added a violation.
func sizeOf(p Place, t *runpb.TaskTemplate, c *runpb.Container) (size, bool) {
	limits := c.GetResources().GetLimits()
	unsetCPU, unsetMemory := unsetLimits(t, c)
	cpu, cpuOK := limitOf(p, limits, limitCPU, unsetCPU)
	memory, memoryOK := limitOf(p, limits, limitMemory, unsetMemory)
	return size{cpu, memory, cmp.Or(limits[limitCPU], unsetCPU)}, cpuOK && memoryOK
}

// validateSize checks the size of a task's only container.
func validateSize(p Place, s size) {
	least, most, ok := memoryFor(s.cpu)
	switch {
	case !ok:
		p.Key(limitCPU).Addf("must be 1, 2, 4, 6 or 8, not %s", Quote(s.cpuText))
	case s.memory < least || s.memory > most:
		p.Key(limitMemory).Addf("must be between %dMi and %dGi inclusive for %d CPU, set it or change cpu",
			least/mebi, most/gibi, s.cpu/unit)
	}
}

// validateSharedSize checks the size of a container beside others.
//
// Deviation: neither memory nor the sum of all containers is checked.
func validateSharedSize(p Place, s size) {
	if _, _, whole := memoryFor(s.cpu); !whole && (s.cpu < minSharedCPU || s.cpu > unit) {
		p.Key(limitCPU).Addf("must be 1, 2, 4, 6, 8 or from 80m to 1000m, not %s", Quote(s.cpuText))
	}
}

func validateLimitKeys(p Place, limits map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		if key != limitCPU && key != limitMemory && key != limitGPU {
			p.Key(key).Addf("only %s, %s and %s can be limited", limitCPU, limitMemory, limitGPU)
		}
	}
	if gpu, ok := limits[limitGPU]; ok {
		if n, ok := parseQuantity(gpu); !ok || n != unit {
			p.Key(limitGPU).Addf("must be 1, not %s", Quote(gpu))
		}
	}
}

// limitOf parses one limit or its default. It returns false if it has added a
// violation.
func limitOf(p Place, limits map[string]string, key, unset string) (quantity, bool) {
	text, ok := limits[key]
	if !ok {
		text = unset
	}
	q, ok := parseQuantity(text)
	if !ok || q == 0 {
		p.Key(key).Addf("must be an amount above zero such as %s, not %s", unset, Quote(text))
		return 0, false
	}
	return q, true
}

// memoryFor returns the range of memory for a task's only container, and false for a
// number of CPUs that Cloud Run does not offer.
//
// Deviation: the minimum is 128Mi; Google's own pages disagree.
func memoryFor(cpu quantity) (least, most quantity, ok bool) {
	switch cpu {
	case 1 * unit:
		return 128 * mebi, 4 * gibi, true
	case 2 * unit:
		return 128 * mebi, 8 * gibi, true
	case 4 * unit:
		return 2 * gibi, 16 * gibi, true
	case 6 * unit:
		return 4 * gibi, 24 * gibi, true
	case 8 * unit:
		return 4 * gibi, 32 * gibi, true
	}
	return 0, 0, false
}

// CPUAndMemory returns the limits of a container, in thousandths of a CPU and in bytes.
// An unset or invalid limit is Cloud Run's default.
func CPUAndMemory(r *runpb.ResourceRequirements) (milliCPU, bytes int64) {
	cpu := amount(r.GetLimits()[limitCPU], defaultCPU)
	memory := amount(r.GetLimits()[limitMemory], defaultMemory)
	return int64(cpu), int64(memory / unit)
}

func amount(text, unset string) quantity {
	if q, ok := parseQuantity(text); ok && q > 0 {
		return q
	}
	q, _ := parseQuantity(unset)
	return q
}

// Bytes parses an amount of memory, such as 512Mi, and returns false if it is invalid.
func Bytes(text string) (int64, bool) {
	q, ok := parseQuantity(text)
	return int64(q / unit), ok
}
