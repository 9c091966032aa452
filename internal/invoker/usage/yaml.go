package usage

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// YAML returns the table as a file of prices.
func (p Prices) YAML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Prices of Cloud Run jobs in US dollars: https://cloud.google.com/run/pricing\n")
	fmt.Fprintf(&b, "date: %q\n", p.Date)
	fmt.Fprintf(&b, "minimumSeconds: %s # for each attempt of a task; users report it, Google's pages do not confirm it\n", decimal(p.Minimum.Nanoseconds()))
	if p.Fallback != "" {
		fmt.Fprintf(&b, "otherRegions: %s # prices of regions that are not listed\n", p.Fallback)
	}
	fmt.Fprintf(&b, "freeTier: {vcpuSeconds: %d, gibSeconds: %d}\nregions:\n", p.Free.VCPUSeconds, p.Free.GiBSeconds)
	for _, region := range slices.Sorted(maps.Keys(p.Regions)) {
		r := p.Regions[region]
		fmt.Fprintf(&b, "  %s:\n    vcpuSecond: %s\n    gibSecond: %s\n", region, decimal(r.VCPUSecond), decimal(r.GiBSecond))
		writeGPUs(&b, "gpuSecond", r.GPUSecond)
		writeGPUs(&b, "zonalGpuSecond", r.ZonalGPUSecond)
	}
	return b.String()
}

func writeGPUs(b *strings.Builder, field string, prices map[string]int64) {
	if len(prices) == 0 {
		return
	}
	var all []string
	for _, gpu := range slices.Sorted(maps.Keys(prices)) {
		all = append(all, gpu+": "+decimal(prices[gpu]))
	}
	fmt.Fprintf(b, "    %s: {%s}\n", field, strings.Join(all, ", "))
}

// decimal returns billionths as a decimal number.
func decimal(n int64) string {
	return strconv.FormatFloat(float64(n)/1e9, 'f', -1, 64)
}
