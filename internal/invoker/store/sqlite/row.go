package sqlite

import (
	"errors"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/column"
	"github.com/runwith/runwith/internal/sqlite"
)

// columns are the columns of a row, in the order of values and scan. A transition does
// not write the columns of the request, so it leaves their indexes alone.
const (
	columns        = requestColumns + `, ` + changingColumns
	requestColumns = `id, job, target, principal, owner, key, fingerprint, slot, slot_limit, parked, keep, created,
	labels, subscribers, trace, request, key_keep, start_at, source, source_event, rerun_of, usage, asleep, budget, woken`
	requestMarks = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`
	requestCount = 25

	changingColumns = `state, version, overrides, checked, job_uid,
	not_before, lease_until, postponed, search_from, watch_until, cancel_at, watched,
	execution, execution_uid, operation, attempts, started, finished,
	tasks, running, succeeded, failed, cancelled, retried, interrupted, error_code, error_message, error_tasks,
	month, worst_vcpu, worst_memory, worst_gpu, worst_money, history`
	changingMarks = `?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?`
)

const (
	selectRecord = `SELECT ` + columns + `, (SELECT count(*) FROM twins WHERE invocation = invocations.id) FROM invocations`
	insertRecord = `INSERT INTO invocations (` + columns + `) VALUES (` + requestMarks + `, ` + changingMarks + `)`
	// updateRecord is what keeps "exactly once": a compare-and-set on state and version
	// that never leaves an end and never exchanges an execution. See [ledger.Move].
	updateRecord = `UPDATE invocations SET (` + changingColumns + `) = (` + changingMarks + `)
		WHERE id = ? AND version = ? AND state = ? AND finished = 0 AND (execution IS NULL OR execution = ?)`
)

// values returns the columns of a record.
func values(r ledger.Record) []any {
	return append(requestValues(r), changingValues(r)...)
}

// requestValues returns the requestColumns of a record.
func requestValues(r ledger.Record) []any {
	return []any{
		r.ID, r.Job, r.Target, r.Caller, r.Owner, column.Null(r.Key), r.Fingerprint, r.Slot, r.SlotLimit, r.Parked, r.Keep.Microseconds(), micros(r.Created),
		encode(r.Labels, len(r.Labels) > 0), encode(r.Subscribers, len(r.Subscribers) > 0), r.Trace, string(r.Asked),
		r.KeyKeep.Microseconds(), micros(r.StartAt), ledger.SourceName(r.Source), ledger.SourceEvent(r.Source), r.RerunOf, encode(r.Usage, r.Usage != nil), r.Deferred(),
		r.Budget, r.Reservable(),
	}
}

// changingValues returns the changingColumns of a record.
func changingValues(r ledger.Record) []any {
	var failure runwith.Failure
	if r.Error != nil {
		failure = *r.Error
	}
	overrides := append([]byte{}, r.Overrides...) // an empty message is empty, not NULL
	return []any{
		r.State, r.Version, overrides, r.Checked, r.JobUID,
		micros(r.NotBefore), micros(r.Lease), r.Postponed, micros(r.SearchFrom), micros(r.WatchUntil), micros(r.CancelRequested), r.Watched(),
		column.Null(r.Execution), r.ExecutionUID, r.Operation, r.Attempts, micros(r.Started), micros(r.Finished),
		r.Counts.Tasks, r.Counts.Running, r.Counts.Succeeded, r.Counts.Failed, r.Counts.Cancelled, r.Counts.Retried, r.Counts.Interrupted,
		failure.Code, failure.Message, column.EncodeFailure(failure),
		r.Month, r.Worst.VCPU, r.Worst.Memory, r.Worst.GPU, r.Worst.Money, r.Trail,
	}
}

// scan reads a row of [selectRecord].
func scan(row sqlite.Row) (ledger.Record, error) {
	var (
		r                           ledger.Record
		times                       [9]int64
		keep, keyKeep               int64
		watched, asleep, woken      bool // derived from the others
		key, execution              *string
		labels, subscribers, detail string
		source, event, usage        string
		failure                     runwith.Failure
	)
	err := row.Scan(
		&r.ID, &r.Job, &r.Target, &r.Caller, &r.Owner, &key, &r.Fingerprint, &r.Slot, &r.SlotLimit, &r.Parked, &keep, &times[5],
		&labels, &subscribers, &r.Trace, &r.Asked, &keyKeep, &times[8], &source, &event, &r.RerunOf, &usage, &asleep, &r.Budget, &woken,
		&r.State, &r.Version, &r.Overrides, &r.Checked, &r.JobUID,
		&times[0], &times[1], &r.Postponed, &times[2], &times[3], &times[4], &watched,
		&execution, &r.ExecutionUID, &r.Operation, &r.Attempts, &times[6], &times[7],
		&r.Counts.Tasks, &r.Counts.Running, &r.Counts.Succeeded, &r.Counts.Failed, &r.Counts.Cancelled, &r.Counts.Retried, &r.Counts.Interrupted,
		&failure.Code, &failure.Message, &detail,
		&r.Month, &r.Worst.VCPU, &r.Worst.Memory, &r.Worst.GPU, &r.Worst.Money, &r.Trail, &r.Twins,
	)
	if err != nil {
		return r, err
	}
	for i, t := range []*time.Time{
		&r.NotBefore, &r.Lease, &r.SearchFrom, &r.WatchUntil, &r.CancelRequested, &r.Created, &r.Started, &r.Finished, &r.StartAt,
	} {
		*t = fromMicros(times[i])
	}
	r.Keep, r.KeyKeep = time.Duration(keep)*time.Microsecond, time.Duration(keyKeep)*time.Microsecond
	r.Source = ledger.SourceOf(source, event)
	r.Parked = r.Parked && r.Dispatchable()
	if !r.Held() {
		r.Budget = ""
	}
	r.Key, r.Execution = column.Text(key), column.Text(execution)
	if failure.Code != "" {
		r.Error = &failure
	}
	return r, errors.Join(decodeDetail(detail, &failure), decode(labels, &r.Labels), decode(subscribers, &r.Subscribers), decode(usage, &r.Usage))
}

// records reads all rows of a query.
func records(tx *sqlite.Tx, query string, args ...any) ([]ledger.Record, error) {
	var found []ledger.Record
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

// encode returns a value as it is stored: JSON, or nothing.
func encode(v any, some bool) string { return column.Encode(v, some) }

// decode reads what encode returned.
func decode(text string, v any) error {
	if column.Decode(text, v) != nil {
		return sqlite.ErrDamaged
	}
	return nil
}

// decodeDetail reads what a failure has beside its code and message.
func decodeDetail(text string, f *runwith.Failure) error {
	if column.DecodeFailure(text, f) != nil {
		return sqlite.ErrDamaged
	}
	return nil
}

// micros returns a time as it is stored. The zero time is 0.
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
