package usage

import "time"

// Prices is a dated table of prices. The zero value has none: see [BuiltIn].
type Prices struct {
	// Date is when the prices were read, as 2006-01-02.
	Date string
	// Minimum is the least time that is charged for an attempt.
	Minimum time.Duration
	// Fallback is the region whose rates price those that Regions does not have; empty: tasks
	// there have no price.
	Fallback string
	// Free is what a month has for free.
	Free Free
	// Regions are the rates, by region.
	Regions map[string]Rates
}

// Free is what a billing account has for free in a month.
type Free struct {
	VCPUSeconds, GiBSeconds int64
}

// Rates are the prices of one region, in billionths of US dollars.
type Rates struct {
	VCPUSecond, GiBSecond int64
	// GPUSecond has the price of a second of each type of GPU without zonal redundancy,
	// ZonalGPUSecond with it.
	GPUSecond, ZonalGPUSecond map[string]int64
}

// defaultMinimum is the minimum of [BuiltIn]. Users report one minute for each attempt; Google's
// pages do not confirm it.
const defaultMinimum = time.Minute

// BuiltIn returns the prices that the program knows. They are those of Google's price list and
// of its Billing catalog, read on the date of the table: the SKUs "Jobs CPU in us-central1" and
// "Jobs Memory in us-central1", and those of an L4 GPU.
//
// See https://cloud.google.com/run/pricing.
func BuiltIn() Prices {
	return Prices{
		Date:     "2026-11-28",
		Minimum:  defaultMinimum,
		Fallback: "us-central1",
		Free:     Free{VCPUSeconds: 240_000, GiBSeconds: 450_000},
		Regions: map[string]Rates{"us-central1": {
			VCPUSecond: 18_000, GiBSecond: 2_000,
			GPUSecond: map[string]int64{"nvidia-l4": 186_700}, ZonalGPUSecond: map[string]int64{"nvidia-l4": 290_900},
		}},
	}
}

// rates returns the rates for a region, and the name of the region that they belong to; empty:
// there are none.
func (p Prices) rates(region string) (Rates, string) {
	if r, found := p.Regions[region]; found {
		return r, region
	}
	if r, found := p.Regions[p.Fallback]; found {
		return r, p.Fallback
	}
	return Rates{}, ""
}

// gpuSecond returns the price of a second of a GPU, and whether it is known.
func (r Rates) gpuSecond(gpu string, zonal bool) (int64, bool) {
	table := r.GPUSecond
	if zonal {
		table = r.ZonalGPUSecond
	}
	price, known := table[gpu]
	return price, known
}
