package sqlite

import (
	"maps"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// isReserving is [ledger.Record.Reserves].
const isReserving = `month > 0 AND usage = '' AND (finished = 0 OR execution IS NOT NULL)`

// most is the largest integer.
const most = `9223372036854775807`

// plus is what an upsert adds to a column. It saturates at the largest integer: a sum that is too
// large is a real number before min.
func plus(column string) string {
	return column + ` = min(` + column + ` + excluded.` + column + `, ` + most + `)`
}

// sum is the sum of a column that is never negative. It saturates at the largest integer: SQLite's
// own sum would be an error. Two halves of 32 bits are added up, so that neither overflows.
func sum(column string) string {
	low := `sum(` + column + ` & 0xffffffff)`
	high := `(sum(` + column + ` >> 32) + (` + low + ` >> 32))`
	return `coalesce(iif(` + high + ` > 0x7fffffff, ` + most + `, (` + high + ` << 32) | (` + low + ` & 0xffffffff)), 0)`
}

// spentOf adds up how much of a share is taken.
func spentOf(tx *sqlite.Tx, s ledger.Share) (spent ledger.Spent, err error) {
	if spent.Reserved, err = reservedOf(tx, s); err == nil {
		spent.Used, err = usedOf(tx, s)
	}
	return spent, err
}

// usedOf adds up what has been used of a share.
func usedOf(tx *sqlite.Tx, s ledger.Share) (c ledger.Cost, err error) {
	query, args := `SELECT `+sum("vcpu")+`, `+sum("memory")+`, `+sum("money")+` FROM usage_sums WHERE month = ? AND name = ? AND value = ?`,
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
			ON CONFLICT DO UPDATE SET `+plus("vcpu")+`, `+plus("memory")+`, `+plus("money"),
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

// sumWorst begins a statement that adds up the worst cases of invocations.
func sumWorst() string {
	return `SELECT ` + sum("worst_vcpu") + `, ` + sum("worst_memory") + `, ` + sum("worst_money") + ` FROM `
}

// reservedOf adds up the worst cases that count in a share.
func reservedOf(tx *sqlite.Tx, s ledger.Share) (c ledger.Cost, err error) {
	query, args := sumWorst()+`invocations INDEXED BY invocations_reserving WHERE `+isReserving+` AND month = ?`, []any{s.Month}
	if s.Label != "" {
		query = sumWorst() + `labels INDEXED BY labels_reserving CROSS JOIN invocations ON id = invocation
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
