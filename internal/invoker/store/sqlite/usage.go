package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/column"
	"github.com/runwith/runwith/internal/sqlite"
)

// isUnsettled is [ledger.Record.Unsettled], as the partial index spells it.
const isUnsettled = `finished > 0 AND execution IS NOT NULL AND usage = ''`

// Unsettled implements [store.Usage].
func (s *Store) Unsettled(ctx context.Context, since time.Time, limit int) (found []ledger.Record, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = records(tx, selectRecord+` INDEXED BY invocations_unsettled WHERE `+isUnsettled+` AND finished >= ? ORDER BY finished LIMIT ?`, micros(since), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for unsettled invocations: %w", err)
	}
	return found, nil
}

// Settle implements [store.Usage].
func (s *Store) Settle(ctx context.Context, settlements []ledger.Settlement, b ledger.Budgets) (settled []string, err error) {
	var p *purse
	err = s.db.Write(ctx, func(tx *sqlite.Tx) error {
		settled, p = nil, s.newPurse(tx, b, s.Now())
		used := map[ledger.Share]bool{}
		for _, one := range settlements {
			saved, err := s.settleOne(tx, one)
			if err != nil {
				return err
			}
			if !saved {
				continue
			}
			settled = append(settled, one.Record.ID)
			for _, share := range b.Shares(one.Record, one.Month()) {
				used[share] = true
			}
		}
		return p.tellUsed(used)
	})
	if err != nil {
		return nil, fmt.Errorf("settle invocations: %w", err)
	}
	for _, id := range settled {
		s.changed.Publish(id)
	}
	if p.told {
		s.ring()
	}
	return settled, nil
}

// settleOne saves a settlement, and reports whether the invocation was unsettled until now.
func (s *Store) settleOne(tx *sqlite.Tx, one ledger.Settlement) (bool, error) {
	n, err := tx.Exec(`UPDATE invocations SET usage = ?, version = version + 1 WHERE id = ? AND `+isUnsettled, encode(one.Usage, true), one.Record.ID)
	if err != nil || n == 0 {
		return false, err
	}
	if err := addUsage(tx, one); err != nil {
		return false, err
	}
	if err := addToSums(tx, one); err != nil {
		return false, err
	}
	unsettled := one.Record
	unsettled.Usage = nil
	s.sums.change(tx, unsettled, ledger.Record{})
	return true, release(tx, one.Record)
}

// addUsage adds a settlement to its sum.
func addUsage(tx *sqlite.Tx, s ledger.Settlement) error {
	r, month := s.Record, s.Month()
	labels := encode(r.Labels, len(r.Labels) > 0)
	group := []any{month, r.Job, r.Owner, s.Day(), labels}
	n, err := tx.Exec(`UPDATE usage SET invocations = invocations + 1, tasks = tasks + ?, vcpu = min(vcpu + ?, `+most+`), memory = min(memory + ?, `+most+`),
		gpu = min(gpu + ?, `+most+`), money = min(money + ?, `+most+`) WHERE month = ? AND job = ? AND owner = ? AND day = ? AND labels = ?`,
		append([]any{s.Tasks, s.Cost.VCPU, s.Cost.Memory, s.Cost.GPU, s.Cost.Money}, group...)...)
	if err != nil || n > 0 {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO usage (month, job, owner, day, labels, principal, invocations, tasks, vcpu, memory, gpu, money)
		VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)`, append(group, r.Caller, s.Tasks, s.Cost.VCPU, s.Cost.Memory, s.Cost.GPU, s.Cost.Money)...); err != nil {
		return err
	}
	for name, value := range r.Labels { // for a move to PostgreSQL, which reads sums by these rows
		if _, err := tx.Exec(`INSERT INTO usage_labels (name, value, month, usage)
			SELECT ?, ?, month, id FROM usage WHERE month = ? AND job = ? AND owner = ? AND day = ? AND labels = ?`, append([]any{name, value}, group...)...); err != nil {
			return err
		}
	}
	return nil
}

// SumUsage implements [store.Usage].
func (s *Store) SumUsage(ctx context.Context, q store.UsageQuery) (sums []store.UsageSum, err error) {
	query, args := usageStatement(q)
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		sums = nil
		for row, err := range tx.Query(query, args...) {
			if err != nil {
				return err
			}
			var u store.UsageSum
			if err := row.Scan(&u.Name, &u.Invocations, &u.Tasks, &u.Cost.VCPU, &u.Cost.Memory, &u.Cost.GPU, &u.Cost.Money); err != nil {
				return err
			}
			sums = append(sums, u)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sum usage: %w", err)
	}
	return sums, nil
}

// byLabel is the value of a label. SQLite quotes a name that follows ->> if it begins with a letter,
// as all names of labels do.
const byLabel = `coalesce(nullif(u.labels, '') ->> ?, '')`

// usageStatement returns the statement for a query.
func usageStatement(q store.UsageQuery) (query string, args []any) {
	name := map[store.UsageBy]string{store.ByJob: "u.job", store.ByCaller: "u.principal", store.ByDay: "CAST(u.day AS TEXT)", store.ByLabel: byLabel}[q.By]
	query = `SELECT ` + name + ` AS name, sum(u.invocations), sum(u.tasks), ` + sum("u.vcpu") + `, ` + sum("u.memory") + `, ` + sum("u.gpu") + `, ` + sum("u.money") + ` FROM usage AS u`
	if q.By == store.ByLabel {
		args = append(args, q.Label)
	}
	c := conditions{where: []string{"1"}}
	if q.Month != 0 {
		c.where, c.args = append(c.where, "u.month = ?"), append(c.args, q.Month)
	}
	c.add("u.job = ?", q.Job, q.Job != "")
	if q.Visible != nil {
		where, jobs := "u.owner = ?", []any{}
		for _, job := range q.Visible.Jobs {
			where += " OR u.job = ?"
			jobs = append(jobs, job)
		}
		c.where, c.args = append(c.where, "("+where+")"), append(append(c.args, column.Null(q.Visible.Owner)), jobs...)
	}
	return query + ` WHERE ` + c.String() + ` GROUP BY 1 ORDER BY 1`, append(args, c.args...)
}

// tidyUsage removes sums that were kept long enough, up to limit of them.
func tidyUsage(tx *sqlite.Tx, now time.Time, limit int) (int, error) {
	var ids []int64
	for row, err := range tx.Query(`SELECT id FROM usage WHERE month < ? ORDER BY month LIMIT ?`, ledger.OldestUsage(now), limit) {
		if err != nil {
			return 0, err
		}
		var id int64
		if err := row.Scan(&id); err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	if err := tidySums(tx, ledger.OldestUsage(now), limit); err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := removeUsage(tx, id); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// removeUsage removes a sum and its labels.
func removeUsage(tx *sqlite.Tx, id int64) error {
	var (
		month int
		text  string
	)
	if err := tx.QueryRow(`SELECT month, labels FROM usage WHERE id = ?`, id).Scan(&month, &text); err != nil {
		return err
	}
	var labels map[string]string
	if err := decode(text, &labels); err != nil {
		return err
	}
	errs := []error{}
	for name, value := range labels {
		_, err := tx.Exec(`DELETE FROM usage_labels WHERE name = ? AND value = ? AND month = ? AND usage = ?`, name, value, month, id)
		errs = append(errs, err)
	}
	_, err := tx.Exec(`DELETE FROM usage WHERE id = ?`, id)
	return errors.Join(append(errs, err)...)
}
