package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/column"
)

// isUnsettled is [ledger.Record.Unsettled].
const isUnsettled = `finished > 'epoch' AND execution IS NOT NULL AND usage = ''`

// Unsettled implements [store.Usage].
func (s *Store) Unsettled(ctx context.Context, since time.Time, limit int) (found []ledger.Record, err error) {
	err = s.ask(ctx, "look for unsettled invocations", func(t tx) (err error) {
		found, err = records(t, selectRecord+` WHERE `+isUnsettled+` AND finished >= $1 ORDER BY finished LIMIT $2`, stamp(since), limit)
		return err
	})
	return found, err
}

// Settle implements [store.Usage].
func (s *Store) Settle(ctx context.Context, settlements []ledger.Settlement, budgets ledger.Budgets) (settled []string, err error) {
	var p *purse
	_, err = s.write(ctx, "settle invocations", func(t tx) ([]ledger.Record, error) {
		settled, p = nil, newPurse(t, budgets, s.Now())
		used := sharesUsed(settlements, budgets)
		if err := lockToSettle(t, len(used) > 0); err != nil {
			return nil, err
		}
		saved, err := saveUsage(t, settlements)
		if err != nil || len(saved) == 0 {
			return nil, err
		}
		for _, one := range saved {
			settled = append(settled, one.Record.ID)
		}
		if err := addUsage(t, saved); err != nil {
			return nil, err
		}
		return nil, p.tellUsed(sharesUsed(saved, budgets))
	})
	if err != nil {
		return nil, err
	}
	for _, id := range settled {
		s.publishID(id)
	}
	if p.told {
		s.added.Ring()
	}
	return settled, nil
}

// lockToSettle takes the lock of budgets: alone if the settlements count in one, so that each sees
// the others' usage and one of them tells that a part of the budget is used.
func lockToSettle(t tx, counted bool) error {
	if counted {
		return t.lockAll(lockBudgets)
	}
	return lockToFree(t)
}

// sharesUsed returns the shares in which settlements count.
func sharesUsed(settlements []ledger.Settlement, budgets ledger.Budgets) (used []ledger.Share) {
	for _, one := range settlements {
		for _, share := range budgets.Shares(one.Record, one.Month()) {
			if !slices.Contains(used, share) {
				used = append(used, share)
			}
		}
	}
	return used
}

// saveUsage writes the usage of the rows that were unsettled until now, and returns their
// settlements.
func saveUsage(t tx, settlements []ledger.Settlement) (saved []ledger.Settlement, _ error) {
	ids, usages := make([]string, 0, len(settlements)), make([]string, 0, len(settlements))
	first := map[string]ledger.Settlement{}
	for _, one := range settlements {
		if _, twice := first[one.Record.ID]; !twice {
			first[one.Record.ID] = one
			ids, usages = append(ids, one.Record.ID), append(usages, column.Encode(one.Usage, true))
		}
	}
	var (
		b    batch
		done []string
	)
	b.exec(`SELECT FROM invocations WHERE id = ANY($1) AND `+isUnsettled+` ORDER BY id FOR UPDATE`, ids)
	b.texts(&done, `UPDATE invocations AS i SET usage = made.usage, version = version + 1
		FROM unnest($1::text[], $2::text[]) AS made(id, usage)
		WHERE i.id = made.id AND i.finished > 'epoch' AND i.execution IS NOT NULL AND i.usage = '' RETURNING i.id`, ids, usages)
	if err := b.run(t); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if slices.Contains(done, id) {
			saved = append(saved, first[id])
		}
	}
	return saved, nil
}

// addUsage adds settlements to the sums, and has their rows no longer reserve.
func addUsage(t tx, settlements []ledger.Settlement) error {
	var b batch
	addToUsage(&b, settlements)
	addToSums(&b, settlements)
	for _, one := range settlements {
		release(&b, one.Record)
	}
	return b.run(t)
}

// addToUsage adds settlements to their sums. It goes through the rows in their order, so that two
// transactions do not wait for each other.
func addToUsage(b *batch, settlements []ledger.Settlement) {
	labels := func(s ledger.Settlement) string { return column.Encode(s.Record.Labels, len(s.Record.Labels) > 0) }
	settlements = slices.SortedFunc(slices.Values(settlements), func(a, b ledger.Settlement) int {
		return cmp.Or(a.Month()-b.Month(), cmp.Compare(a.Record.Job, b.Record.Job), cmp.Compare(a.Record.Owner, b.Record.Owner),
			a.Day()-b.Day(), cmp.Compare(labels(a), labels(b)))
	})
	for _, s := range settlements {
		r := s.Record
		group := []any{s.Month(), r.Job, r.Owner, s.Day(), labels(s)}
		b.exec(`INSERT INTO usage (month, job, owner, day, labels, principal, invocations, tasks, vcpu, memory, gpu, money)
			VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $10, $11)
			ON CONFLICT (month, job, owner, day, labels) DO UPDATE SET invocations = usage.invocations + 1, tasks = usage.tasks + excluded.tasks,
				`+plus("usage", "vcpu")+`, `+plus("usage", "memory")+`, `+plus("usage", "gpu")+`, `+plus("usage", "money"),
			append(slices.Clone(group), r.Caller, s.Tasks, s.Cost.VCPU, s.Cost.Memory, s.Cost.GPU, s.Cost.Money)...)
		for name, value := range r.Labels {
			b.exec(`INSERT INTO usage_labels (name, value, month, usage)
				SELECT $6, $7, month, id FROM usage WHERE month = $1 AND job = $2 AND owner = $3 AND day = $4 AND labels = $5
				ON CONFLICT DO NOTHING`, append(slices.Clone(group), name, value)...)
		}
	}
}

// tidyUsage removes sums that were kept long enough, up to limit of them.
func tidyUsage(t tx, now time.Time, limit int) (int, error) {
	oldest := ledger.OldestUsage(now)
	if err := tidySums(t, oldest, limit); err != nil {
		return 0, err
	}
	n, err := t.exec(`DELETE FROM usage WHERE id IN (SELECT id FROM usage WHERE month < $1 ORDER BY month LIMIT $2)`, oldest, limit)
	return int(n), err
}
