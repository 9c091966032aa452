package ledger

import (
	"maps"
	"time"

	"github.com/runwith/runwith"
)

// Take is what a dispatcher asks for: the oldest records that are due.
type Take struct {
	Now   time.Time
	Call  time.Duration // how long a call may take; its lease ends then
	Limit int

	Runs  string // name of the bucket that all runs share
	Quota Quota
	Rates map[string]Quota // by job

	Budgets Budgets
	// Reconsider has the store look again at all records that wait for a budget: the budgets or
	// the month have changed.
	Reconsider bool
}

// RateBucket is the name of the bucket of a job's rate.
func RateBucket(job string) string { return "rate/" + job }

// Plan is how much may be taken now. The zero value takes nothing.
type Plan struct {
	// Limit is how many records may still be taken, of no blocked job.
	Limit       int
	BlockedJobs []string
	// Next is when a bucket has more; zero: no bucket holds anything back.
	Next time.Time
	// Probing means that Cloud Run has refused before, so one record goes first.
	Probing bool
	// Holds is what holds records back.
	Holds Holds

	take  Take
	taken int
	runs  Bucket
	rates map[string]*allowance // by job
	// opened is when a rate had a token again, by job, and the quota of all runs, by "".
	opened map[string]time.Time
}

// Holds is what holds back records that are due, apart from their slots. The zero value holds
// nothing back.
type Holds struct {
	Paused, Quota time.Time            // all records, until then; zero: not
	Rates         map[string]time.Time // by job: until then
}

// allowance is how many more of a job may be taken.
type allowance struct {
	bucket      Bucket
	left, taken int
	next        time.Time
}

// Buckets returns the names of the buckets that [PlanTake] needs.
func (t Take) Buckets() []string {
	names := []string{t.Runs}
	for job := range t.Rates {
		names = append(names, RateBucket(job))
	}
	return names
}

// PlanTake works out how much may be taken. buckets are the stored buckets by name.
func PlanTake(t Take, buckets map[string]Bucket) *Plan {
	runs := buckets[t.Runs]
	p := &Plan{take: t, runs: runs.filled(t.Quota, t.Now), Probing: runs.Failures > 0}
	p.opened = map[string]time.Time{"": runs.opened(t.Quota)}
	free, next := p.runs.available(t.Quota, t.Now)
	if p.Limit = min(t.Limit, free); p.Limit == 0 {
		p.Next = next
		if runs.NotBefore.After(t.Now) {
			p.Holds.Paused = next
		} else {
			p.Holds.Quota = next
		}
		return p
	}
	p.Holds.Rates, p.rates = map[string]time.Time{}, map[string]*allowance{}
	for job, rate := range t.Rates {
		p.opened[job] = buckets[RateBucket(job)].opened(rate)
		b := buckets[RateBucket(job)].filled(rate, t.Now)
		b.Name = RateBucket(job)
		left, next := b.available(rate, t.Now)
		p.rates[job] = &allowance{bucket: b, left: left, next: next}
		if left == 0 {
			p.block(job)
			p.Holds.Rates[job] = next
			p.Next = Sooner(p.Next, next)
		}
	}
	return p
}

// block has the store look at no more records of a job.
func (p *Plan) block(job string) { p.BlockedJobs = append(p.BlockedJobs, job) }

// Choose picks among records that are due: [Record.Dispatchable], of no blocked job, not
// parked, oldest first. held is how many slots of each of their concurrency keys are taken. It
// returns the moves to starting, at most Limit, and the records that must be parked because
// their slots are taken. A store that has written both asks again, with the records that are
// due then, until it has no more of them or the Limit is 0.
func (p *Plan) Choose(due []Record, held map[string]int) (moves []Move, full []Record) {
	slots := maps.Clone(held)
	for _, r := range due {
		a := p.rates[r.Job]
		switch {
		case p.Limit == 0:
			return moves, full
		case r.Bounded() && slots[r.Slot] >= r.SlotLimit:
			full = append(full, r)
			continue
		case a != nil && a.left == 0:
			continue // blocked by an earlier one of these
		case a != nil:
			if a.left, a.taken = a.left-1, a.taken+1; a.left == 0 {
				p.block(r.Job)
			}
		}
		if r.Slot != "" {
			slots[r.Slot]++
		}
		p.Limit--
		p.taken++
		to := r.Starting(p.take.Now.Add(p.take.Call))
		to.HeldBy = p.heldBy(r)
		moves = append(moves, Move{r, to})
	}
	return moves, full
}

// heldBy returns what has held back a record that is taken now. A bucket has, if it had nothing
// to give when the record was ready to start.
func (p *Plan) heldBy(r Record) runwith.Hold {
	since := r.since()
	switch opened := p.opened[r.Job]; {
	case opened.After(since):
		return runwith.HoldRate
	case p.opened[""].After(since):
		return runwith.HoldQuota
	case p.Probing && p.runs.NotBefore.After(since):
		return runwith.HoldCloudRun
	case r.Deferred() && since.Equal(r.StartAt):
		return runwith.HoldStart
	}
	return ""
}

// Spent returns the buckets that the chosen records leave.
func (p *Plan) Spent() (spent []Bucket) {
	if p.take.Quota > 0 && p.taken > 0 {
		spent = append(spent, p.runs.spent(p.taken))
	}
	for _, a := range p.rates {
		if a.taken > 0 {
			spent = append(spent, a.bucket.spent(a.taken))
		}
	}
	return spent
}

// Releases reports whether the move may leave a slot to a parked record with the same
// concurrency key: it gives a slot back, or no longer waits for one that was free.
func (m Move) Releases() bool {
	return m.From.Slot != "" && !m.To.Holds() && (m.From.Holds() || m.From.Dispatchable() && !m.To.Dispatchable())
}

// Unparks reports whether the row is looked at again after the move, whether its slots are
// taken or not.
func (m Move) Unparks() bool { return m.From.Dispatchable() != m.To.Dispatchable() }
