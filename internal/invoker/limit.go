package invoker

import (
	"fmt"

	"github.com/runwith/runwith"
)

// Overflow is what becomes of an invocation for which there is no slot.
type Overflow string

// What becomes of it. The zero value queues.
const (
	// Queue lets it wait for its turn.
	Queueing Overflow = "queue"
	// Reject refuses it with ABORTED.
	Rejecting Overflow = "reject"
	// Replace cancels those that have the slots and drops those that wait.
	Replacing Overflow = "replace"
)

// Concurrency bounds how many invocations with one concurrency key are under way.
type Concurrency struct {
	Slots    int
	Overflow Overflow
}

// Limits say how much may be under way, and how fast. The zero value bounds
// nothing.
type Limits struct {
	// Concurrency and Rates are by job.
	Concurrency map[string]Concurrency
	Rates       map[string]Quota
	// Runs, Reads and Logs are Cloud Run's quotas in a minute, which count apart.
	// Where one is not known, a refusal tells: what Cloud Run asks to wait is
	// waited in any case.
	Runs, Reads, Logs Quota
}

// faults reports all that is wrong.
func (l Limits) faults() (faults []error) {
	for job, c := range l.Concurrency {
		if c.Slots < 1 {
			faults = append(faults, fmt.Errorf("concurrency of %s: must be at least 1", job))
		}
		switch c.Overflow {
		case "", Queueing, Rejecting, Replacing:
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

// slots are the bounds by concurrency key, which is the job.
func (l Limits) slots() map[string]int {
	slots := map[string]int{}
	for job, c := range l.Concurrency {
		slots[job] = c.Slots
	}
	return slots
}

// slotOf is the concurrency key of a job's invocations.
func (l Limits) slotOf(job string) string {
	if _, bounded := l.Concurrency[job]; bounded {
		return job
	}
	return ""
}

// slotsFull refuses an invocation where Rejecting is asked for.
func slotsFull(r Record, slots int) error {
	return runwith.Errorf(runwith.Aborted,
		"job %s: %d of its invocations are under way or wait, and no more are taken: ask again when one has ended", r.Job, slots)
}
