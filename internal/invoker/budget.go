package invoker

import (
	"context"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/metrics"
)

// maxValues bounds how many label values of a budget are shown.
const maxValues = 1000

// Budgets returns the budgets as they are in this month. A caller's name selects those of the
// caller; empty is all.
func (v *Invoker) Budgets(ctx context.Context, caller string) ([]runwith.Budget, error) {
	var asked []ledger.Budget
	for _, b := range v.config.Budgets().List {
		if caller == "" || b.Caller == caller {
			asked = append(asked, b)
		}
	}
	states, err := v.store.Shares(ctx, asked, ledger.MonthOf(v.now()), maxValues)
	if err != nil {
		return nil, err
	}
	shown := make([]runwith.Budget, len(states))
	for i, s := range states {
		shown[i] = s.State(s.Spent)
		shown[i].Waiting = s.Waiting
	}
	return shown, nil
}

// budgetsFor returns the budgets that count a record, and whether each has room for it now.
func (v *Invoker) budgetsFor(ctx context.Context, r ledger.Record) ([]runwith.Budget, error) {
	rooms, err := v.store.Rooms(ctx, r, v.config.Budgets(), v.now())
	if err != nil {
		return nil, err
	}
	var shown []runwith.Budget
	for _, m := range rooms {
		b := m.State(m.Spent)
		b.Fits = new(m.Fits(r))
		shown = append(shown, b)
	}
	return shown, nil
}

// Reconsider has the invoker look at once at those that wait for a budget, because the budgets
// may have changed. It never blocks.
func (v *Invoker) Reconsider() { v.next.dispatch.ring() }

// budgetMetric returns the parts of the budgets that are taken. A budget with a share for each
// label value has none: there may be many values.
func (v *Invoker) budgetMetric() metrics.Metric {
	return metrics.Metric{
		Name:   "runwith_invoker_budget_ratio",
		Help:   "Part of a month's budget that is used or reserved; 1 is the limit. Budgets with an amount for each label value are left out.",
		Labels: []string{"budget", "kind"},
		Read: func(ctx context.Context) (samples []metrics.Sample, err error) {
			var whole []ledger.Budget
			for _, s := range v.config.Budgets().Whole(0) {
				whole = append(whole, s.Budget)
			}
			states, err := v.store.Shares(ctx, whole, ledger.MonthOf(v.now()), 0)
			for _, s := range states {
				samples = append(samples,
					metrics.Sample{Labels: []string{s.Name, "used"}, Value: s.Ratio(s.Spent.Used)},
					metrics.Sample{Labels: []string{s.Name, "reserved"}, Value: s.Ratio(s.Spent.Reserved)})
			}
			return samples, err
		},
	}
}
