package invoker

import (
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// adopted returns the record with its execution, whose template is what the tasks really get:
// the job may have changed since the request was validated against it.
func (b *base) adopted(r ledger.Record, e *runpb.Execution) ledger.Record {
	r.Worst = b.worst(r, e)
	return r.Adopted(e.GetName(), cloudrun.StatusOf(e))
}

// worst returns what the execution of a record can cost at most.
func (b *base) worst(r ledger.Record, e *runpb.Execution) ledger.Cost {
	if len(e.GetTemplate().GetContainers()) == 0 { // it does not show what its tasks get
		return r.Worst
	}
	return b.config.Prices.WorstOf(e)
}
