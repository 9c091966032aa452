package ledger

import (
	"math"
	"time"

	"github.com/runwith/runwith"
)

// Cost is what tasks use, before any free tier. The zero value is nothing.
type Cost struct {
	VCPU, Memory, GPU int64 // thousandths of vCPU-seconds, GiB-seconds and seconds of a GPU
	Money             int64 // billionths of US dollars
}

// Plus returns the sum of two costs, neither of which is negative. A number that is too large
// becomes the largest one.
func (c Cost) Plus(d Cost) Cost {
	return Cost{plus(c.VCPU, d.VCPU), plus(c.Memory, d.Memory), plus(c.GPU, d.GPU), plus(c.Money, d.Money)}
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
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
