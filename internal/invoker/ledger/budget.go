package ledger

import (
	"encoding/json"
	"slices"
	"time"
)

// Anonymous is the caller of a [Scope] that counts the records of callers without a name.
const Anonymous = "anonymous"

// Scope is what a budget counts. Empty fields count all.
type Scope struct {
	Job string
	// Caller is the name of a caller, or [Anonymous].
	Caller string
	// Label and Value are a label that records have.
	Label, Value string
}

// String returns the scope as stores keep it in [Record.Budget].
func (s Scope) String() string {
	text, _ := json.Marshal([]string{s.Job, s.Caller, s.Label, s.Value}) // strings always encode
	return string(text)
}

// Owner returns the name of the caller whose records the scope counts, as rows have it.
func (s Scope) Owner() string {
	if s.Caller == Anonymous {
		return ""
	}
	return s.Caller
}

// Budget is how much invocations may use in a month.
type Budget struct {
	Name string
	Scope
	// Each means that every value of the label has the whole limit for itself. Value is empty.
	Each bool
	// Limit is the most that is used in a month; 0 is unlimited.
	Limit Cost
	// Overflow is Queueing or Rejecting.
	Overflow Overflow
}

// Budgets are the budgets of a server, and the endpoints that hear of them. The zero value
// limits nothing.
type Budgets struct {
	List    []Budget
	Hearers []Hearer
}

// Share is what a budget grants in a month: the whole, or one label value's part.
type Share struct {
	Budget     // with the Value of the label
	Month  int // [MonthOf]
}

// Spent is the part of a share that is taken. Reserved is the worst case of the invocations
// that are not settled yet.
type Spent struct{ Used, Reserved Cost }

// Total returns all that is taken.
func (s Spent) Total() Cost { return s.Used.Plus(s.Reserved) }

// share returns the share of the budget that counts a record, and whether there is one.
func (b Budget) share(r Record, month int) (Share, bool) {
	if b.Job != "" && b.Job != r.Job || b.Caller != "" && b.Owner() != r.Caller {
		return Share{}, false
	}
	if b.Label != "" {
		value, labelled := r.Labels[b.Label]
		if !labelled || !b.Each && value != b.Value {
			return Share{}, false
		}
		b.Value = value
	}
	return Share{b, month}, true
}

// Shares returns the shares that count a record, in a month.
func (b Budgets) Shares(r Record, month int) (shares []Share) {
	for _, one := range b.List {
		if s, counts := one.share(r, month); counts {
			shares = append(shares, s)
		}
	}
	return shares
}

// Whole returns the shares of the budgets that do not grant each label value its own, in a
// month. The others have as many shares as the label has values.
func (b Budgets) Whole(month int) (shares []Share) {
	for _, one := range b.List {
		if !one.Each {
			shares = append(shares, Share{one, month})
		}
	}
	return shares
}

// Equal reports whether the budgets limit the same.
func (b Budgets) Equal(c Budgets) bool { return slices.Equal(b.List, c.List) }

// Scopes returns every scope that counts the record.
func (r Record) Scopes() (scopes []Scope) {
	caller := r.Caller
	if caller == "" {
		caller = Anonymous
	}
	for _, job := range []string{"", r.Job} {
		for _, by := range []string{"", caller} {
			scopes = append(scopes, Scope{Job: job, Caller: by})
			for name, value := range r.Labels {
				scopes = append(scopes, Scope{Job: job, Caller: by, Label: name, Value: value})
			}
		}
	}
	return scopes
}

// Reserves reports whether the record's worst case counts: it has been given a month, and
// what it has used is not known yet. A record that ended without an execution has used
// nothing.
func (r Record) Reserves() bool {
	return r.Month > 0 && r.Usage == nil && (!r.Ended() || r.Execution != "")
}

// Held reports whether the record waits for a budget.
func (r Record) Held() bool { return r.Waiting() && r.Budget != "" }

// Reservable reports whether the record waits for nothing but a budget.
func (r Record) Reservable() bool { return r.Held() && r.Checked && r.SearchFrom.IsZero() }

// BudgetMonth returns the month whose budgets the record uses if it reserves now.
func (r Record) BudgetMonth(now time.Time) int { return MonthOf(Later(now, r.StartAt)) }

// MonthBegins returns the beginning of a month.
func MonthBegins(month int) time.Time {
	return time.Date(month/100, time.Month(month%100), 1, 0, 0, 0, 0, time.UTC)
}

// MonthEnds returns the end of a month, which is the beginning of the next.
func MonthEnds(month int) time.Time {
	return time.Date(month/100, time.Month(month%100)+1, 1, 0, 0, 0, 0, time.UTC)
}

// FreesBudget reports whether the row of the move counts less in its budgets than before.
func (m Move) FreesBudget() bool {
	before, after := m.From.Worst, m.To.Worst
	return m.From.Reserves() && (!m.To.Reserves() ||
		after.VCPU < before.VCPU || after.Memory < before.Memory || after.Money < before.Money)
}
