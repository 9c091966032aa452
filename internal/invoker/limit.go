package invoker

import (
	"fmt"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Concurrency bounds how many invocations of one concurrency key are under way.
type Concurrency struct {
	Slots    int
	Overflow ledger.Overflow
}

// Limits bound how much is under way, and how fast jobs are started. The zero value is
// unlimited.
type Limits struct {
	// Concurrency and Rates are by job.
	Concurrency map[string]Concurrency
	Rates       map[string]ledger.Quota
	// Runs, Reads and Logs are Cloud Run's quotas in a minute, which count apart. The
	// invoker always waits as long as Cloud Run asks after a refusal, so a quota that is
	// unknown may be 0.
	Runs, Reads, Logs ledger.Quota
}

// faults returns all faults.
func (l Limits) faults() (faults []error) {
	for job, c := range l.Concurrency {
		if c.Slots < 1 {
			faults = append(faults, fmt.Errorf("concurrency of %s: must be at least 1", job))
		}
		switch c.Overflow {
		case "", ledger.Queueing, ledger.Rejecting, ledger.Replacing:
		default:
			faults = append(faults, fmt.Errorf("concurrency of %s: overflow %q: must be queue, reject or replace", job, c.Overflow))
		}
	}
	for job, rate := range l.Rates {
		if rate < 1 {
			faults = append(faults, fmt.Errorf("rate of %s: must be at least 1 a minute", job))
		}
	}
	if min(l.Runs, l.Reads, l.Logs) < 0 {
		faults = append(faults, fmt.Errorf("quotas: must not be negative"))
	}
	return faults
}

// slots returns the limits by concurrency key, which is the job.
func (l Limits) slots() map[string]int {
	slots := map[string]int{}
	for job, c := range l.Concurrency {
		slots[job] = c.Slots
	}
	return slots
}

// slotOf returns the concurrency key of a job's invocations.
func (l Limits) slotOf(job string) string {
	if _, bounded := l.Concurrency[job]; bounded {
		return job
	}
	return ""
}
