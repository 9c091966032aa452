package usage

import (
	"math"
	"math/bits"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// step is the step of charged time: Cloud Run rounds up to it.
const step = 100 * time.Millisecond

// steps returns a time in steps, rounded up. A negative time is none.
func steps(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	n := int64(d / step)
	if d%step > 0 {
		n++
	}
	return n
}

// costOf returns the cost of tasks of one size that ran for so many steps together. Units are
// rounded up to thousandths, and money is computed from the rounded units.
func costOf(s jobspec.Size, n int64, rates Rates) ledger.Cost {
	// A step of a byte is 100 / 2^30 thousandths of a GiB-second.
	c := ledger.Cost{VCPU: share(s.MilliCPU, n, 10), Memory: share(times(s.Bytes, 25), n, 1<<28)}
	if s.GPU != "" {
		c.GPU = times(n, int64(1000*step/time.Second))
		price, _ := rates.gpuSecond(s.GPU, s.Zonal)
		c.Money = share(c.GPU, price, 1000)
	}
	return c.Plus(ledger.Cost{Money: share(c.VCPU, rates.VCPUSecond, 1000)}).Plus(ledger.Cost{Money: share(c.Memory, rates.GiBSecond, 1000)})
}

// times returns a × b, and the largest number if that is too large. Neither is negative.
func times(a, b int64) int64 { return share(a, b, 1) }

// share returns a × b / of, rounded up, and the largest number if that is too large. None is
// negative.
func share(a, b, of int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	low, carry := bits.Add64(low, uint64(of-1), 0)
	if high += carry; high >= uint64(of) {
		return math.MaxInt64
	}
	n, _ := bits.Div64(high, low, uint64(of))
	return int64(min(n, math.MaxInt64))
}
