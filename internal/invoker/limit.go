package invoker

import (
	"errors"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Limits are Cloud Run's quotas in a minute, which count apart. The invoker always waits as
// long as Cloud Run asks after a refusal, so a quota that is unknown may be 0.
type Limits struct{ Runs, Reads, Logs ledger.Quota }

// faults returns all faults.
func (l Limits) faults() (faults []error) {
	if min(l.Runs, l.Reads, l.Logs) < 0 {
		faults = append(faults, errors.New("quotas: must not be negative"))
	}
	return faults
}
