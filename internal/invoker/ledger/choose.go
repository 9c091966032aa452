package ledger

import "time"

// Take is what a dispatcher asks for: the oldest records that are due.
type Take struct {
	Now   time.Time
	Call  time.Duration // how long a call may take; its lease ends then
	Limit int

	Runs  string // name of the bucket that all runs share
	Quota Quota
	Rates map[string]Quota // by job
	Slots map[string]int   // by concurrency key
}

// RateBucket is the name of the bucket of a job's rate.
func RateBucket(job string) string { return "rate/" + job }

// Plan is how much may be taken now. The zero value takes nothing.
type Plan struct {
	// Limit is how many records may be taken, of no blocked job or slot.
	Limit                     int
	BlockedJobs, BlockedSlots []string
	// Next is when a bucket has more; zero: no bucket holds anything back.
	Next time.Time
	// Probing means that Cloud Run has refused before, so one record goes first.
	Probing bool
	// Holds is what holds records back.
	Holds Holds

	take  Take
	runs  Bucket
	rates map[string]allowance // by job
	slots map[string]allowance // by concurrency key
}

// Holds is what holds back records that are due. The zero value holds nothing back.
type Holds struct {
	Paused, Quota time.Time            // all records, until then; zero: not
	Rates         map[string]time.Time // by job: until then
	Slots         map[string]int       // by concurrency key: the number of slots, which are taken
}

// allowance is how many more may be taken.
type allowance struct {
	bucket Bucket
	left   int
}

// Buckets returns the names of the buckets that [PlanTake] needs.
func (t Take) Buckets() []string {
	names := []string{t.Runs}
	for job := range t.Rates {
		names = append(names, RateBucket(job))
	}
	return names
}

// PlanTake works out how much may be taken. buckets are the stored buckets by name, and
// held is how many slots of each concurrency key are taken.
func PlanTake(t Take, buckets map[string]Bucket, held map[string]int) Plan {
	runs := buckets[t.Runs]
	p := Plan{take: t, runs: runs.filled(t.Quota, t.Now), Probing: runs.Failures > 0}
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
	p.Holds = Holds{Rates: map[string]time.Time{}, Slots: map[string]int{}}
	p.rates, p.slots = map[string]allowance{}, map[string]allowance{}
	for job, rate := range t.Rates {
		b := buckets[RateBucket(job)].filled(rate, t.Now)
		left, next := b.available(rate, t.Now)
		if p.rates[job] = (allowance{b, left}); left == 0 {
			p.BlockedJobs = append(p.BlockedJobs, job)
			p.Holds.Rates[job] = next
			p.Next = Sooner(p.Next, next)
		}
	}
	for slot, slots := range t.Slots {
		if p.slots[slot] = (allowance{left: slots - held[slot]}); held[slot] >= slots {
			p.BlockedSlots = append(p.BlockedSlots, slot)
			p.Holds.Slots[slot] = slots
		}
	}
	return p
}

// Choose picks among the records that are due: the oldest that are [Record.Dispatchable]
// and of no blocked job or slot, at most Limit of them, oldest first. It returns their
// moves to starting, and the buckets that this leaves.
func (p Plan) Choose(due []Record) (moves []Move, spent []Bucket) {
	jobs, slots := map[string]int{}, map[string]int{}
	for _, r := range due {
		if !allows(p.rates, r.Job, jobs) || !allows(p.slots, r.Slot, slots) {
			continue
		}
		jobs[r.Job]++
		slots[r.Slot]++
		moves = append(moves, Move{r, r.Starting(p.take.Now.Add(p.take.Call))})
	}
	if p.take.Quota > 0 && len(moves) > 0 {
		spent = append(spent, p.runs.spent(len(moves)))
	}
	for job, n := range jobs {
		if a, limited := p.rates[job]; limited {
			spent = append(spent, a.bucket.spent(n))
		}
	}
	return moves, spent
}

// allows reports whether one more may be taken; what has no allowance is unlimited.
func allows(all map[string]allowance, name string, taken map[string]int) bool {
	a, limited := all[name]
	return !limited || taken[name] < a.left
}
