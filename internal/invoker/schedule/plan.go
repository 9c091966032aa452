package schedule

import (
	"bytes"
	"hash/fnv"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/schedule/cron"
)

// keyKeep is how long the key of a slot is kept. It is longer than any catch-up window.
const keyKeep = 31 * 24 * time.Hour

// onTime is how late a slot may be and still count as on time. A tick comes once a minute, and
// a server may restart.
const onTime = 2 * time.Minute

// Plan is a compiled schedule. It is immutable.
type Plan struct {
	name            string
	spec            runwith.ScheduleSpec
	line            cron.Line
	zone            *time.Location
	catchUp, jitter time.Duration // catchUp is at least onTime
	origin          runwith.Origin
	paused          bool   // by the file
	text            []byte // of which a schedule of the API was compiled
}

// outdated reports whether a state has another schedule of the API than the plan.
func (p *Plan) outdated(row ledger.Schedule) bool {
	return p.origin == runwith.OriginAPI && !bytes.Equal(p.text, row.Spec)
}

// timing identifies when the plan is due. If it changes, the schedule begins anew.
func (p *Plan) timing() string {
	paused := ""
	if p.paused {
		paused = " paused"
	}
	return p.spec.Cron + " " + p.zone.String() + paused
}

// next returns the first slot after a time; zero if there is none.
func (p *Plan) next(after time.Time) time.Time { return p.line.Next(after, p.zone) }

// maxCounted bounds how many missed slots are counted one by one.
const maxCounted = 10_000

// due returns the latest slot after the cursor whose start is not in the future, and the number
// of slots before it that were not handled. After maxCounted it counts on only in the longest
// catch-up window.
func (p *Plan) due(cursor, now time.Time) (latest time.Time, earlier int) {
	for slot := p.next(cursor); !slot.IsZero() && !p.start(slot).After(now); slot = p.next(slot) {
		if !latest.IsZero() {
			earlier++
		}
		if latest = slot; earlier == maxCounted {
			slot = ledger.Later(slot, now.Add(-time.Duration(configfile.MaxCatchUp)))
		}
	}
	return latest, earlier
}

// start returns when the job of a slot starts. Overlap is decided then.
func (p *Plan) start(slot time.Time) time.Time { return slot.Add(p.delay(slot)) }

// delay returns how long after a slot its job starts. It is always the same for a slot.
func (p *Plan) delay(slot time.Time) time.Duration {
	if p.jitter == 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.name + " " + key(slot))) // a hash takes all
	sum := h.Sum64()
	sum ^= sum >> 29 // the last byte of the text changes only the low bits
	sum *= 0xbf58476d1ce4e5b9
	sum ^= sum >> 32
	return time.Duration(sum % uint64(p.jitter)).Truncate(time.Millisecond)
}

// key returns the key of a slot.
func key(slot time.Time) string { return slot.UTC().Format(time.RFC3339) }

// request returns what a slot asks for.
func (p *Plan) request() runwith.Request {
	q := runwith.Request{Parameters: p.spec.Parameters, Labels: p.spec.Labels}
	if p.spec.Overrides != nil {
		q.Overrides = *p.spec.Overrides
	}
	return q
}

// slot returns the bound on the schedule's active invocations.
func (p *Plan) slot() ledger.Slot {
	s := ledger.Slot{Key: ledger.ScheduleSource(p.name), Limit: 1}
	switch p.spec.Overlap {
	case configfile.OverlapQueue:
		s.Overflow = ledger.Queueing
	case configfile.OverlapReplace:
		s.Overflow = ledger.Replacing
	default:
		return ledger.Slot{}
	}
	return s
}

// skips reports whether an unfinished invocation leaves a slot out.
func (p *Plan) skips() bool {
	return p.spec.Overlap == "" || p.spec.Overlap == configfile.OverlapSkip
}
