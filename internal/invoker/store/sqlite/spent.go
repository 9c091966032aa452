package sqlite

import (
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
	const sum = `SELECT coalesce(sum(vcpu), 0), coalesce(sum(memory), 0), coalesce(sum(money), 0) FROM `
	query, args := sum+`usage WHERE month = ?`, []any{s.Month}
	if s.Label != "" {
		query = sum + `usage_labels CROSS JOIN usage ON id = usage WHERE usage_labels.month = ? AND name = ? AND value = ?`
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
