package store_test

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

func (m *memory) Unsettled(_ context.Context, since time.Time, limit int) ([]ledger.Record, error) {
	defer m.lock()()
	found := m.where(-1, func(r ledger.Record) bool { return r.Unsettled() && !r.Finished.Before(since) })
	slices.SortStableFunc(found, func(a, b ledger.Record) int { return a.Finished.Compare(b.Finished) })
	return found[:min(len(found), limit)], nil
}

// Settle keeps each settlement. A sum over them must be the sum of any store.
func (m *memory) Settle(_ context.Context, settlements []ledger.Settlement, b ledger.Budgets) (settled []string, err error) {
	defer m.lock()()
	for _, s := range settlements {
		r := m.rows[s.Record.ID]
		if !r.Unsettled() {
			continue
		}
		r.Usage = &s.Usage
		r.Version++
		m.put(r)
		m.usage = append(m.usage, s)
		settled = append(settled, r.ID)
	}
	for _, s := range settlements {
		for _, share := range b.Shares(s.Record, s.Month()) {
			m.tell(b.Reached(share, m.spent(share, nil), false, time.Now()))
		}
	}
	return settled, nil
}

func (m *memory) SumUsage(_ context.Context, q store.UsageQuery) (sums []store.UsageSum, err error) {
	defer m.lock()()
	for _, s := range m.usage {
		r, v := s.Record, q.Visible
		if q.Month != 0 && q.Month != s.Month() || q.Job != "" && q.Job != r.Job ||
			v != nil && (v.Owner == "" || r.Owner != v.Owner) && !slices.Contains(v.Jobs, r.Job) {
			continue
		}
		name := map[store.UsageBy]string{store.ByJob: r.Job, store.ByCaller: r.Caller, store.ByDay: strconv.Itoa(s.Day()), store.ByLabel: r.Labels[q.Label]}[q.By]
		i := slices.IndexFunc(sums, func(u store.UsageSum) bool { return u.Name == name })
		if i < 0 {
			i, sums = len(sums), append(sums, store.UsageSum{Name: name})
		}
		sums[i].Invocations++
		sums[i].Tasks += int64(s.Tasks)
		sums[i].Cost = sums[i].Cost.Plus(s.Cost)
	}
	slices.SortFunc(sums, func(a, b store.UsageSum) int { return cmp.Compare(a.Name, b.Name) })
	return sums, nil
}

func (m *memory) tidyUsage(now time.Time) int {
	before := len(m.usage)
	m.usage = slices.DeleteFunc(m.usage, func(s ledger.Settlement) bool { return s.Month() < ledger.OldestUsage(now) })
	return before - len(m.usage)
}
