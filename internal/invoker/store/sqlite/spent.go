package sqlite

import (
	"maps"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// isReserving is [ledger.Record.Reserves].
const isReserving = `month > 0 AND usage = '' AND (finished = 0 OR execution IS NOT NULL)`

// spentOf adds up how much of a share is taken.
func spentOf(tx *sqlite.Tx, s ledger.Share) (spent ledger.Spent, err error) {
	if spent.Reserved, err = reservedOf(tx, s); err == nil {
		spent.Used, err = usedOf(tx, s)
	}
	return spent, err
}

// usedOf adds up what has been used of a share.
func usedOf(tx *sqlite.Tx, s ledger.Share) (c ledger.Cost, err error) {
	query, args := `SELECT coalesce(sum(vcpu), 0), coalesce(sum(memory), 0), coalesce(sum(money), 0) FROM usage_sums WHERE month = ? AND name = ? AND value = ?`,
		[]any{s.Month, s.Label, s.Value}
	if s.Job != "" {
		query, args = query+` AND job = ?`, append(args, s.Job)
	}
	if s.Caller != "" {
		query, args = query+` AND principal = ?`, append(args, s.Owner())
	}
	err = tx.QueryRow(query, args...).Scan(&c.VCPU, &c.Memory, &c.Money)
	return c, err
}

// addToSums adds a settlement to the sums that budgets read.
func addToSums(tx *sqlite.Tx, s ledger.Settlement) error {
	labels := map[string]string{"": ""} // all invocations
	maps.Copy(labels, s.Record.Labels)
	for name, value := range labels {
		if _, err := tx.Exec(`INSERT INTO usage_sums (month, name, value, job, principal, vcpu, memory, money) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET vcpu = min(vcpu + excluded.vcpu, `+most+`), memory = min(memory + excluded.memory, `+most+`), money = min(money + excluded.money, `+most+`)`,
			s.Month(), name, value, s.Record.Job, s.Record.Caller, s.Cost.VCPU, s.Cost.Memory, s.Cost.Money); err != nil {
			return err
		}
	}
	return nil
}

// tidySums removes the sums of months before a month, up to limit of them.
func tidySums(tx *sqlite.Tx, month, limit int) error {
	_, err := tx.Exec(`DELETE FROM usage_sums WHERE (month, name, value, job, principal) IN (
		SELECT month, name, value, job, principal FROM usage_sums WHERE month < ? LIMIT ?)`, month, limit)
	return err
}

const sumWorst = `SELECT coalesce(sum(worst_vcpu), 0), coalesce(sum(worst_memory), 0), coalesce(sum(worst_money), 0) FROM `

// reservedOf adds up the worst cases that count in a share.
func reservedOf(tx *sqlite.Tx, s ledger.Share) (c ledger.Cost, err error) {
	query, args := sumWorst+`invocations INDEXED BY invocations_reserving WHERE `+isReserving+` AND month = ?`, []any{s.Month}
	if s.Label != "" {
		query = sumWorst + `labels INDEXED BY labels_reserving CROSS JOIN invocations ON id = invocation
			WHERE labels.month > 0 AND labels.month = ? AND name = ? AND value = ? AND usage = '' AND (finished = 0 OR execution IS NOT NULL)`
		args = append(args, s.Label, s.Value)
	}
	if s.Job != "" {
		query, args = query+` AND job = ?`, append(args, s.Job)
	}
	if s.Caller != "" {
		query, args = query+` AND principal = ?`, append(args, s.Owner())
	}
	err = tx.QueryRow(query, args...).Scan(&c.VCPU, &c.Memory, &c.Money)
	return c, err
}
