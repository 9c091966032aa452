package jobspec

import (
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
)

// minSharedCPU is the smallest share of a CPU for a container in a task with several.
const minSharedCPU = 80 * unit / 1000

// validateLimits checks resources.limits of a container. alone reports whether it is
// the task's only container. Unset limits count as their defaults, so the result is the
// same before and after [Defaults].
//
// Deviation: with several containers memory is not checked, and with a GPU neither CPU
// nor memory is.
//
// See https://cloud.google.com/run/docs/configuring/jobs/cpu and
// https://cloud.google.com/run/docs/configuring/jobs/memory-limits.
func validateLimits(p Place, limits map[string]string, alone bool) {
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		if key != limitCPU && key != limitMemory && key != limitGPU {
			p.Key(key).Addf("only %s, %s and %s can be limited", limitCPU, limitMemory, limitGPU)
		}
	}
	cpu, cpuOK := limitOf(p, limits, limitCPU, defaultCPU)
	memory, memoryOK := limitOf(p, limits, limitMemory, defaultMemory)
	if gpu, ok := limits[limitGPU]; ok {
		// The CPU and memory for a GPU depend on its type, and Google changes the
		// types, so only Cloud Run checks them.
		if n, ok := parseQuantity(gpu); !ok || n == 0 || n%unit != 0 {
			p.Key(limitGPU).Addf("must be a whole number of GPUs, not %s", Quote(gpu))
		}
		return
	}
	if !cpuOK {
		return
	}
	least, most, whole := memoryFor(cpu)
	switch {
	case !whole && alone:
		p.Key(limitCPU).Addf("must be 1, 2, 4, 6 or 8, not %s", Quote(limits[limitCPU]))
	case !whole && (cpu < minSharedCPU || cpu > unit):
		p.Key(limitCPU).Addf("must be 1, 2, 4, 6, 8 or from 80m to 1000m, not %s", Quote(limits[limitCPU]))
	case whole && alone && memoryOK && (memory < least || memory > most):
		p.Key(limitMemory).Addf("must be between %dMi and %dGi inclusive for %d CPU, set it or change cpu",
			least/mebi, most/gibi, cpu/unit)
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
