package ledger

import (
	"time"

	"github.com/runwith/runwith"
)

// Cost is what tasks use, before any free tier. The zero value is nothing.
type Cost struct {
	VCPU, Memory, GPU int64 // thousandths of vCPU-seconds, GiB-seconds and seconds of a GPU
	Money             int64 // billionths of US dollars
}

// Plus returns the sum of two costs.
func (c Cost) Plus(d Cost) Cost {
	return Cost{c.VCPU + d.VCPU, c.Memory + d.Memory, c.GPU + d.GPU, c.Money + d.Money}
}

// Usage returns the cost as callers see it.
func (c Cost) Usage() runwith.Usage {
	return runwith.Usage{
		VCPUSeconds: float64(c.VCPU) / 1e3, GiBSeconds: float64(c.Memory) / 1e3, GPUSeconds: float64(c.GPU) / 1e3, USD: float64(c.Money) / 1e9,
	}
}

// MonthOf returns the month of a time, in UTC: 202611 is November 2026.
func MonthOf(t time.Time) int {
	year, month, _ := t.UTC().Date()
	return year*100 + int(month)
}
