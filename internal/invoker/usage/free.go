package usage

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// LeftOf returns what a month's usage leaves of the free tier.
func (p Prices) LeftOf(used ledger.Cost) ledger.Cost {
	return ledger.Cost{VCPU: max(0, times(p.Free.VCPUSeconds, 1000)-used.VCPU), Memory: max(0, times(p.Free.GiBSeconds, 1000)-used.Memory)}
}

// AfterFree returns a month's usage with the money that the free tier leaves to pay. Google
// deducts it at the prices of us-central1, which are those of the fallback.
func (p Prices) AfterFree(used ledger.Cost) ledger.Cost {
	rates, _ := p.rates(p.Fallback)
	free := share(min(used.VCPU, times(p.Free.VCPUSeconds, 1000)), rates.VCPUSecond, 1000)
	free += share(min(used.Memory, times(p.Free.GiBSeconds, 1000)), rates.GiBSecond, 1000)
	used.Money = max(0, used.Money-free)
	return used
}

// WorstUsage is [Prices.Worst] for callers.
func (p Prices) WorstUsage(t *runpb.ExecutionTemplate, region string) runwith.Usage {
	return p.shown(p.Worst(t, region), region, jobspec.SizeOf(t.GetTemplate()))
}

// shown returns a cost for callers, with what it says of its prices.
func (p Prices) shown(c ledger.Cost, region string, sizes ...jobspec.Size) runwith.Usage {
	rates, pricedAs := p.rates(region)
	u := c.Usage()
	u.Prices = p.Date
	if pricedAs != region {
		u.PricedAs = pricedAs
	}
	for _, size := range sizes {
		if _, known := rates.gpuSecond(size.GPU, size.Zonal); size.GPU != "" && !known {
			u.Unpriced = size.GPU
		}
	}
	return u
}
