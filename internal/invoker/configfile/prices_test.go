package configfile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/invoker/usage"
)

// TestPrices checks that the table that the program prints is one that it reads.
func TestPrices(t *testing.T) {
	t.Parallel()
	own := usage.BuiltIn()
	own.Minimum, own.Fallback = 0, ""
	own.Regions["europe-west1"] = usage.Rates{VCPUSecond: 24_001, GiBSecond: 0, GPUSecond: map[string]int64{}, ZonalGPUSecond: map[string]int64{}}
	for name, p := range map[string]usage.Prices{"built in": usage.BuiltIn(), "changed": own} {
		got, err := ReadPrices("prices.yaml", p.YAML())
		if diff := cmp.Diff(p, got); diff != "" || err != nil {
			t.Errorf("%s: ReadPrices = %v (-want +got):\n%s", name, err, diff)
		}
	}
	got, err := ReadPrices("p.json", `{"date": "2027-01-01", "minimumSeconds": 0.1, "regions": {"r": {"vcpuSecond": 1e-5, "gibSecond": 0.000002}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := 100 * time.Millisecond; got.Minimum != want {
		t.Errorf("minimum in JSON = %v, want %v", got.Minimum, want)
	}
	if rate := got.Regions["r"].VCPUSecond; rate != 10_000 {
		t.Errorf("price of a vCPU-second in JSON = %d, want 10000", rate)
	}
	if got.Date != "2027-01-01" {
		t.Errorf("date in JSON = %q, want 2027-01-01", got.Date)
	}
}

func TestPricesRefuses(t *testing.T) {
	t.Parallel()
	const head = "date: 2026-11-28\nminimumSeconds: 60\n"
	for content, want := range map[string]string{
		"":                         "p:1:1: the file is empty",
		"date: soon\n":             "p:1:7: date: must be a date",
		head:                       "regions is required",
		head + "regions: {}\nx: 1": "p:4:1: x: ",
		head + "otherRegions: us-east4\nregions: {us-central1: {vcpuSecond: 0.1, gibSecond: 0.1}}": `p:3:15: otherRegions: "us-east4" has no prices below regions`,
		head + "regions:\n  us-central1: {vcpuSecond: 0.0000000001, gibSecond: 0.1}":               "p:4:29: regions.us-central1.vcpuSecond: has more digits than count",
		head + "regions:\n  us-central1: {vcpuSecond: -1, gibSecond: 0.1}":                         "p:4:29: regions.us-central1.vcpuSecond: must be from 0 to 1",
		head + "regions:\n  us-central1: {vcpuSecond: 18000, gibSecond: many}":                     "p:4:47: regions.us-central1.gibSecond: must be a number",
		head + "regions:\n  us-central1: {vcpuSecond: 0.1}":                                        "gibSecond is required",
		head + "regions:\n  US: {vcpuSecond: 0.1, gibSecond: 0.1}":                                 "p:4:3: regions: the name must be a region",
		head + "regions:\n  r: {vcpuSecond: 0.1, gibSecond: 0.1, gpuSecond: {nvidia-l4: 1e99}}":    "gpuSecond.nvidia-l4: must be from 0 to 1",
		"date: 2026-11-28\nminimumSeconds: 1e9\nregions: {r: {vcpuSecond: 0.1, gibSecond: 0.1}}":   "p:2:17: minimumSeconds: must be from 0 to 3600",
		head + "freeTier: {vcpuSeconds: 0.5}\nregions: {r: {vcpuSecond: 0.1, gibSecond: 0.1}}":     "freeTier.vcpuSeconds: has more digits than count",
		head + "regions: {r: {vcpuSecond: 0.1, gibSecond: 0.1}}\nregions: {r: {vcpuSecond: 0.1}}":  "regions",
		"- 1\n": "must be a mapping",
	} {
		_, err := ReadPrices("p", content)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadPrices(%q) = %v, want %q", content, err, want)
		}
	}
}
