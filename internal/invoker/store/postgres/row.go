package postgres

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/column"
)

// columns are the columns of a row, in the order of values and scan. A transition does
// not write the columns of the request, so it leaves their indexes alone.
const (
	columns        = requestColumns + `, ` + changingColumns
	requestColumns = `id, job, target, principal, owner, key, fingerprint, slot, slot_limit, parked, keep, created,
	labels, subscribers, trace, request, key_keep, start_at, source, source_event, rerun_of, usage, asleep, budget, woken`
	changingColumns = `state, version, overrides, checked, job_uid,
	not_before, lease_until, postponed, search_from, watch_until, cancel_at, watched,
	execution, execution_uid, operation, attempts, started, finished,
	tasks, running, succeeded, failed, cancelled, retried, interrupted, error_code, error_message, error_detail,
	month, worst_vcpu, worst_memory, worst_gpu, worst_money, history`

	selectRecord = `SELECT ` + columns + `, (SELECT count(*) FROM twins WHERE invocation = invocations.id) FROM invocations`
	insertRecord = `INSERT INTO invocations (` + columns + `) VALUES (
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
	$26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49,
	$50, $51, $52, $53, $54, $55, $56, $57, $58, $59)`
	// updateRecord is what keeps "exactly once": a compare-and-set on state and version
	// that never leaves an end and never exchanges an execution. See [ledger.Move].
	updateRecord = `UPDATE invocations SET (` + changingColumns + `) = (
	$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25,
	$26, $27, $28, $29, $30, $31, $32, $33, $34)
	WHERE id = $35 AND version = $36 AND state = $37 AND finished = 'epoch' AND (execution IS NULL OR execution = $38)`
)

// values returns the columns of a record.
func values(r ledger.Record) []any { return append(requestValues(r), changingValues(r)...) }

// requestValues returns the requestColumns of a record.
func requestValues(r ledger.Record) []any {
	return []any{
		r.ID, r.Job, r.Target, r.Caller, r.Owner, column.Null(r.Key), r.Fingerprint, r.Slot, r.SlotLimit, r.Parked, r.Keep.Microseconds(), stamp(r.Created),
		column.Encode(r.Labels, len(r.Labels) > 0), column.Encode(r.Subscribers, len(r.Subscribers) > 0), r.Trace, string(r.Asked),
		r.KeyKeep.Microseconds(), stamp(r.StartAt), ledger.SourceName(r.Source), ledger.SourceEvent(r.Source), r.RerunOf,
		column.Encode(r.Usage, r.Usage != nil), r.Deferred(), r.Budget, r.Reservable(),
	}
}

// changingValues returns the changingColumns of a record.
func changingValues(r ledger.Record) []any {
	var failure runwith.Failure
	if r.Error != nil {
		failure = *r.Error
	}
	return []any{
		string(r.State), r.Version, append([]byte{}, r.Overrides...), r.Checked, r.JobUID, // empty overrides are not NULL
		stamp(r.NotBefore), stamp(r.Lease), r.Postponed, stamp(r.SearchFrom), stamp(r.WatchUntil), stamp(r.CancelRequested), r.Watched(),
		column.Null(r.Execution), r.ExecutionUID, r.Operation, r.Attempts, stamp(r.Started), stamp(r.Finished),
		r.Counts.Tasks, r.Counts.Running, r.Counts.Succeeded, r.Counts.Failed, r.Counts.Cancelled, r.Counts.Retried, r.Counts.Interrupted,
		failure.Code, failure.Message, column.EncodeFailure(failure),
		r.Month, r.Worst.VCPU, r.Worst.Memory, r.Worst.GPU, r.Worst.Money, string(r.Trail),
	}
}

// scan reads a row of [selectRecord].
func scan(row pgx.Row) (ledger.Record, error) {
	var (
		r                           ledger.Record
		keep, keyKeep               int64
		watched, asleep, woken      bool // derived from the others
		key, execution              *string
		labels, subscribers, detail string
		source, event, usage, asked string
		failure                     runwith.Failure
	)
	err := row.Scan(
		&r.ID, &r.Job, &r.Target, &r.Caller, &r.Owner, &key, &r.Fingerprint, &r.Slot, &r.SlotLimit, &r.Parked, &keep, (*moment)(&r.Created),
		&labels, &subscribers, &r.Trace, &asked, &keyKeep, (*moment)(&r.StartAt), &source, &event, &r.RerunOf, &usage, &asleep, &r.Budget, &woken,
		&r.State, &r.Version, &r.Overrides, &r.Checked, &r.JobUID,
		(*moment)(&r.NotBefore), (*moment)(&r.Lease), &r.Postponed, (*moment)(&r.SearchFrom), (*moment)(&r.WatchUntil), (*moment)(&r.CancelRequested), &watched,
		&execution, &r.ExecutionUID, &r.Operation, &r.Attempts, (*moment)(&r.Started), (*moment)(&r.Finished),
		&r.Counts.Tasks, &r.Counts.Running, &r.Counts.Succeeded, &r.Counts.Failed, &r.Counts.Cancelled, &r.Counts.Retried, &r.Counts.Interrupted,
		&failure.Code, &failure.Message, &detail,
		&r.Month, &r.Worst.VCPU, &r.Worst.Memory, &r.Worst.GPU, &r.Worst.Money, &r.Trail, &r.Twins,
	)
	if err != nil {
		return r, err
	}
	r.Keep, r.KeyKeep = time.Duration(keep)*time.Microsecond, time.Duration(keyKeep)*time.Microsecond
	r.Source, r.Key, r.Execution = ledger.SourceOf(source, event), column.Text(key), column.Text(execution)
	if asked != "" {
		r.Asked = []byte(asked)
	}
	r.Parked = r.Parked && r.Dispatchable()
	if !r.Held() {
		r.Budget = ""
	}
	if failure.Code != "" {
		r.Error = &failure
	}
	if err := errors.Join(column.DecodeFailure(detail, &failure), column.Decode(labels, &r.Labels), column.Decode(subscribers, &r.Subscribers), column.Decode(usage, &r.Usage)); err != nil {
		return r, errors.Join(errDamaged, err)
	}
	return r, nil
}

// records reads all rows of a query that begins with [selectRecord].
func records(t tx, sql string, args ...any) ([]ledger.Record, error) {
	return all(t, scan, sql, args...)
}

// stamp returns a time as it is stored. The zero time is 1970, which an index can compare.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0)
	}
	return t
}

// moment reads a time that stamp has returned.
type moment time.Time

// ScanTimestamptz implements [pgtype.TimestamptzScanner].
func (m *moment) ScanTimestamptz(v pgtype.Timestamptz) error {
	*m = moment{}
	if at := v.Time.UTC(); at.UnixMicro() != 0 {
		*m = moment(at)
	}
	return nil
}
