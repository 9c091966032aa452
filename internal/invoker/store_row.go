package invoker

import (
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// columns are those of a row, in the order of values and scan.
const columns = `id, job, state, version, overrides, checked, not_before, lease_until, postponed,
	execution, attempts, created, started, finished,
	tasks, running, succeeded, failed, cancelled, retried, error_code, error_message`

const (
	marks        = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`
	selectRecord = `SELECT ` + columns + ` FROM invocations`
	insertRecord = `INSERT INTO invocations (` + columns + `) VALUES (` + marks + `)`
	updateRecord = `UPDATE invocations SET (` + columns + `) = (` + marks + `)
		WHERE id = ? AND version = ? AND state = ? AND (execution IS NULL OR execution = ?)`
)

// values are what a record writes.
func (r record) values() []any {
	var failure runwith.Failure
	if r.Error != nil {
		failure = *r.Error
	}
	overrides := append([]byte{}, r.overrides...) // none at all is an empty message, not NULL
	var execution *string                         // NULL until there is one: the column is unique
	if r.Execution != "" {
		execution = &r.Execution
	}
	return []any{
		r.ID, r.Job, r.State, r.version, overrides, r.checked, micros(r.notBefore), micros(r.lease), r.postponed,
		execution, r.Attempts, micros(r.Created), micros(r.Started), micros(r.Finished),
		r.Counts.Tasks, r.Counts.Running, r.Counts.Succeeded, r.Counts.Failed, r.Counts.Cancelled, r.Counts.Retried,
		failure.Code, failure.Message,
	}
}

// scan reads a row of columns.
func scan(row sqlite.Row) (record, error) {
	var (
		r                                            record
		notBefore, lease, created, started, finished int64
		execution                                    *string
		failure                                      runwith.Failure
	)
	err := row.Scan(
		&r.ID, &r.Job, &r.State, &r.version, &r.overrides, &r.checked, &notBefore, &lease, &r.postponed,
		&execution, &r.Attempts, &created, &started, &finished,
		&r.Counts.Tasks, &r.Counts.Running, &r.Counts.Succeeded, &r.Counts.Failed, &r.Counts.Cancelled, &r.Counts.Retried,
		&failure.Code, &failure.Message,
	)
	if execution != nil {
		r.Execution = *execution
	}
	r.notBefore, r.lease = fromMicros(notBefore), fromMicros(lease)
	r.Created, r.Started, r.Finished = fromMicros(created), fromMicros(started), fromMicros(finished)
	if failure.Code != "" {
		r.Error = &failure
	}
	return r, err
}

// records reads all rows that a query finds.
func records(tx *sqlite.Tx, query string, args ...any) ([]record, error) {
	var found []record
	for row, err := range tx.Query(query, args...) {
		if err != nil {
			return nil, err
		}
		r, err := scan(row)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// micros is how a time is stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
