package jobspec

import (
	"maps"
	"slices"

	"cloud.google.com/go/run/apiv2/runpb"
)

// The keys of resources.limits that Cloud Run knows.
const (
	limitCPU    = "cpu"
	limitMemory = "memory"
	limitGPU    = "nvidia.com/gpu"
)

// What a container gets that asks for nothing.
const (
	defaultCPU    = "1000m"
	defaultMemory = "512Mi"
)

// The smallest share of a CPU that a container beside others may have.
const minSharedCPU = 80 * unit / 1000

// validateLimits checks resources.limits of a container, alone in its task or
// beside others. Unset limits count as their defaults, so that the verdict is the
// same before and after [Defaults].
//
// Deviation: memory is not checked beside other containers, and with a GPU neither
// CPU nor memory is.
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
		// How much CPU and memory go with a GPU depends on its type, and the types
		// change: they are left to Cloud Run.
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

// limitOf reads one limit or its default. It is false for a limit that has been
// found faulty.
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

// memoryFor returns the range of memory that a container may have which is alone
// in its task, and false for a number of CPUs that Cloud Run does not offer.
//
// Deviation: the least is 128Mi, where Google's own pages differ.
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

// CPUAndMemory returns what a container may use, in thousandths of a CPU and in bytes.
// What is not set, or no amount, is Cloud Run's default.
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

// Bytes reads an amount of memory, such as 512Mi; false for what is none.
func Bytes(text string) (int64, bool) {
	q, ok := parseQuantity(text)
	return int64(q / unit), ok
}
