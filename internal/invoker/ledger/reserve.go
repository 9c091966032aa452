package ledger

import (
	"fmt"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// Room is a share as a store finds it when a record needs a part of it.
type Room struct {
	Share
	Spent Spent
	// Ahead means that an older record waits for the scope of the budget.
	Ahead bool
}

// Reserve returns the newcomer with the month whose budgets it uses, or as one that waits for
// a budget. The rooms are those of its shares ([Budgets.Shares], in [Record.BudgetMonth]). It
// also returns the room that is full, if that is why the newcomer waits or is refused.
//
// RESOURCE_EXHAUSTED with [cause.BudgetExhausted] refuses a newcomer whose worst case is
// larger than a whole budget, or for which a budget that rejects has no room. UNAVAILABLE
// refuses one whose worst case is unknown, if it would need a budget that rejects.
func (a Admission) Reserve(r Record, rooms []Room) (_ Record, full *Room, err error) {
	if r.Month > 0 || !r.Waiting() {
		return r, nil, nil
	}
	for i, m := range rooms {
		rejects := m.Overflow == Rejecting || a.Impatient
		switch {
		case r.Checked && !m.holds(r.Worst):
			return r, nil, m.tooLarge(r, a.Now)
		case rejects && !r.Checked:
			return r, nil, runwith.Errorf(runwith.Unavailable, "budget %s needs the worst case of job %s, which cannot be read from Cloud Run now: "+
				"send the request again later", m.Title(), r.Job)
		case rejects && !m.fits(r.Worst):
			return r, &rooms[i], m.exhausted(r, a.Now)
		}
	}
	m := closed(r, rooms)
	if m == nil {
		r.Month = r.BudgetMonth(a.Now)
		return r, nil, nil
	}
	r.State, r.Budget, r.Parked = runwith.StateQueued, m.Scope.String(), false
	if r.Checked && !m.fits(r.Worst) {
		full = m
	}
	return r, full, nil
}

// closed returns the first room for which a record must wait, or nil.
func closed(r Record, rooms []Room) *Room {
	for i, m := range rooms {
		if !m.Fits(r) {
			return &rooms[i]
		}
	}
	return nil
}

// Reserved returns a record that waited for a budget: with a month, waiting for the budget in
// closed, or refused if its worst case is larger than the whole of one. The rooms are those of
// its shares.
func Reserved(r Record, rooms []Room, now time.Time) (_ Record, wait string) {
	for _, m := range rooms {
		if !m.holds(r.Worst) {
			return r.Refused(m.tooLarge(r, now), now), ""
		}
	}
	if m := closed(r, rooms); m != nil {
		return r, m.Scope.String()
	}
	r.Month, r.Budget = r.BudgetMonth(now), ""
	return r, ""
}

// Fits reports whether a newcomer could start at once, as far as the share counts.
func (m Room) Fits(r Record) bool {
	return r.Checked && m.fits(r.Worst) && !(m.Overflow != Rejecting && m.Ahead)
}

// fits reports whether what is left of a share is enough.
func (m Room) fits(need Cost) bool { return m.holds(m.Spent.Total().Plus(need)) }

// holds reports whether a cost is within the limit.
func (b Budget) holds(c Cost) bool {
	for _, d := range b.dimensions() {
		if d.of(c) > d.limit {
			return false
		}
	}
	return true
}

// dimension is one of the numbers that a budget may limit.
type dimension struct {
	unit  string
	scale float64 // of one unit
	limit int64
	of    func(Cost) int64
}

// dimensions returns the limited ones.
func (b Budget) dimensions() (limited []dimension) {
	for _, d := range []dimension{
		{"vCPU-seconds", 1e3, b.Limit.VCPU, func(c Cost) int64 { return c.VCPU }},
		{"GiB-seconds", 1e3, b.Limit.Memory, func(c Cost) int64 { return c.Memory }},
		{"US dollars", 1e9, b.Limit.Money, func(c Cost) int64 { return c.Money }},
	} {
		if d.limit > 0 {
			limited = append(limited, d)
		}
	}
	return limited
}

// amount returns a number of units for people.
func (d dimension) amount(n int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", float64(n)/d.scale), "0"), ".") + " " + d.unit
}

// Title returns the name of the budget, with the label's value if each has its own.
func (b Budget) Title() string {
	if b.Each && b.Value != "" {
		return fmt.Sprintf("%s (%s=%s)", b.Name, b.Label, b.Value)
	}
	return b.Name
}

// tooLarge refuses a record that needs more than the whole budget.
func (m Room) tooLarge(r Record, now time.Time) error {
	d := m.short(Cost{}, r.Worst)
	return &runwith.Error{Code: runwith.ResourceExhausted, Err: m.untilNext(now), Message: fmt.Sprintf(
		"budget %s: the request needs up to %s, and the whole budget of a month is %s: ask for fewer tasks, a shorter timeout or fewer retries, or raise the budget",
		m.Title(), d.amount(d.of(r.Worst)), d.amount(d.limit))}
}

// exhausted refuses a record until the month ends.
func (m Room) exhausted(r Record, now time.Time) error {
	d, ends := m.short(m.Spent.Total(), r.Worst), MonthEnds(m.Month)
	left := max(0, d.limit-d.of(m.Spent.Total()))
	return &runwith.Error{
		Code: runwith.ResourceExhausted,
		Message: fmt.Sprintf("budget %s: %s of %s are left until %s, and the request needs up to %s: "+
			"ask for fewer tasks or a shorter timeout, raise the budget, or send the request again then",
			m.Title(), d.amount(left), d.amount(d.limit), ends.Format("2 January 2006 15:04 UTC"), d.amount(d.of(r.Worst))),
		Err: m.untilNext(now),
	}
}

// untilNext is the cause of a refusal that holds until the month ends.
func (m Room) untilNext(now time.Time) error {
	return fmt.Errorf("%w: %w", cause.BudgetExhausted, cause.RetryAfter(max(time.Second, MonthEnds(m.Month).Sub(now))))
}

// short returns the first dimension in which a need does not fit.
func (b Budget) short(taken, need Cost) (d dimension) {
	for _, d = range b.dimensions() {
		if d.of(taken.Plus(need)) > d.limit {
			return d
		}
	}
	return d
}
