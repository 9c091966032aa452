package invoker

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// shown returns an invocation as callers see it who ask for this one.
func (v *Invoker) shown(r ledger.Record) runwith.Invocation {
	i := v.listed(r)
	if r.ID != "" {
		i.History = r.Steps()
	}
	return i
}

// listed returns an invocation as callers see it among others.
func (v *Invoker) listed(r ledger.Record) runwith.Invocation {
	i := r.Invocation
	i.Waiting = v.waiting(r, v.now())
	if len(r.Asked) > 0 {
		i.Request = &runwith.Request{}
		if err := json.Unmarshal(r.Asked, i.Request); err != nil {
			v.logger.Error("stored request cannot be read", "invocation", r.ID, "error", err)
			i.Request = nil
		}
	}
	return i
}

// waiting returns what holds a record back, or nil.
func (v *Invoker) waiting(r ledger.Record, now time.Time) *runwith.Waiting {
	if r.Ended() || r.Execution != "" {
		return nil
	}
	if !r.SearchFrom.IsZero() {
		return hold(runwith.HoldSearch, ahead(r.SearchFrom, now),
			"it is unknown whether the last call started the job, so the invoker searches for its execution")
	}
	if !r.Waiting() {
		return nil
	}
	if !r.Checked {
		return v.unchecked(r, now)
	}
	if r.Held() {
		return v.overBudget(r, now)
	}
	if r.Asleep(now) {
		return hold(runwith.HoldStart, ahead(r.StartAt, now), "starts at the time that the request asks for")
	}
	holds, refusal := v.dispatching.holding()
	return v.held(r, holds, refusal, now)
}

// unchecked returns why a record could not be validated against its job.
func (v *Invoker) unchecked(r ledger.Record, now time.Time) *runwith.Waiting {
	_, last := v.reach.silent()
	if last == nil && r.Postponed == 0 {
		return nil // no read has been tried yet
	}
	return hold(runwith.HoldCloudRun, ahead(r.NotBefore, now), "the job cannot be read from Cloud Run%s", because(last))
}

// overBudget returns which budget has no room for a record.
func (v *Invoker) overBudget(r ledger.Record, now time.Time) *runwith.Waiting {
	month := r.BudgetMonth(now)
	for _, s := range v.config.Budgets().Shares(r, month) {
		if s.Scope.String() == r.Budget {
			return hold(runwith.HoldBudget, time.Time{}, "waits for room in budget %s, in the order of acceptance; the budget is new on %s",
				s.Title(), ledger.MonthEnds(month).Format("2 January 2006 (UTC)"))
		}
	}
	return hold(runwith.HoldBudget, time.Time{}, "waits for room in a budget that was changed just now")
}

// held returns why a record that is ready is not sent. A slot comes first, because it
// usually takes the longest.
func (v *Invoker) held(r ledger.Record, h ledger.Holds, refusal error, now time.Time) *runwith.Waiting {
	paused, used := ahead(h.Paused, now), ahead(h.Quota, now)
	switch rate := ahead(h.Rates[r.Job], now); {
	case r.Parked:
		return hold(runwith.HoldSlot, time.Time{}, "waits for a slot of key %s: at most %d", r.Slot, r.SlotLimit)
	case !rate.IsZero():
		return hold(runwith.HoldRate, rate, "%s starts at most %d times a minute", r.Job, v.config.Rates()[r.Job])
	case !used.IsZero():
		return hold(runwith.HoldQuota, used, "at most %d executions start in a minute (--run-quota)", v.config.Limits.Runs)
	case !paused.IsZero() && runwith.CodeOf(refusal) == runwith.ResourceExhausted:
		return hold(runwith.HoldQuota, paused, "Cloud Run's quota is used up%s", because(refusal))
	case !paused.IsZero():
		return hold(runwith.HoldCloudRun, paused, "Cloud Run did not take the last call%s", because(refusal))
	}
	return nil
}

func hold(what runwith.Hold, next time.Time, format string, args ...any) *runwith.Waiting {
	return &runwith.Waiting{For: what, Next: next, Message: fmt.Sprintf(format, args...)}
}

// ahead returns a time that is to come, or zero.
func ahead(t, now time.Time) time.Time {
	if !t.After(now) {
		return time.Time{}
	}
	return ledger.Stored(t)
}

// because returns the words for a cause, which may be nil.
func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}
