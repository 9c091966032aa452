package engine

import (
	"errors"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// operationRow is an operation in its current state.
type operationRow struct {
	op   *longrunningpb.Operation
	kind operationKind
	// execution is the execution that it waits for, or 0.
	execution int64
	// toEnd is true if the operation is done exactly when that execution has ended.
	toEnd bool
	// unsettled is the time until its job's newest generation takes effect.
	unsettled time.Duration
}

// operation returns the operation with a name, or NOT_FOUND.
func (tx *storeTx) operation(name string) (operationRow, error) {
	var (
		row            operationRow
		execution, job *int64
		blob           []byte
		x              nullableExecution
	)
	err := tx.QueryRow(`SELECT o.kind, o.execution, o.job, o.message, `+executionColumns+`
		FROM operations o LEFT JOIN executions e ON e.id = o.execution WHERE o.name = ?`, name,
	).Scan(append([]any{&row.kind, &execution, &job, &blob}, x.dest()...)...)
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return row, runwith.Errorf(runwith.NotFound, "operation %s does not exist", name)
	case err != nil:
	case execution != nil:
		row.execution, row.toEnd = *execution, true
		row.op, err = tx.executionOperation(name, row.kind, &x)
	case job != nil && tx.engine.unsettled.left(*job) > 0:
		row.unsettled = tx.engine.unsettled.left(*job)
		row.op, err = tx.unsettledOperation(name, blob)
	case row.kind == jobOperation:
		row.op, row.execution, err = tx.jobOperation(name, job, blob)
	default:
		row.op, row.execution, err = tx.deletion(name, job, blob)
	}
	return row, err
}

// executionOperation returns an operation that ends with its execution, or NOT_FOUND if
// the execution was removed.
func (tx *storeTx) executionOperation(name string, kind operationKind, of *nullableExecution) (*longrunningpb.Operation, error) {
	row, err := of.row()
	switch {
	case err != nil:
		return nil, err
	case row == nil:
		return nil, runwith.Errorf(runwith.NotFound, "operation %s does not exist any more", name)
	}
	return tx.engine.operationOn(tx.engine.current(row), name, kind)
}

// unsettledOperation returns the operation of a change of a job that has not taken effect.
func (tx *storeTx) unsettledOperation(name string, blob []byte) (*longrunningpb.Operation, error) {
	then, err := tx.engine.unmarshalJob(blob)
	if err != nil {
		return nil, err
	}
	return openOperation(name, reconciling(then))
}

// deletion returns the operation of a job's deletion, which is done when no execution of
// the job is active, and an execution that is.
func (tx *storeTx) deletion(name string, job *int64, blob []byte) (*longrunningpb.Operation, int64, error) {
	message, err := tx.engine.unmarshalJob(blob)
	if err != nil {
		return nil, 0, err
	}
	var active []int64
	if job != nil {
		if active, err = tx.activeExecutions(*job); err != nil {
			return nil, 0, err
		}
	}
	if len(active) > 0 {
		op, err := openOperation(name, reconciling(message))
		return op, active[0], err
	}
	op, err := doneOperation(name, message)
	return op, 0, err
}

// jobOperation returns the operation of a job's creation or update, which is done when the
// job is ready or has a newer generation.
func (tx *storeTx) jobOperation(name string, job *int64, blob []byte) (*longrunningpb.Operation, int64, error) {
	then, err := tx.engine.unmarshalJob(blob)
	if err != nil || job == nil {
		return nil, 0, err
	}
	row, err := tx.jobByID(*job)
	if err != nil && !errors.Is(err, sqlite.ErrNoRows) {
		return nil, 0, err
	}
	if err != nil || row.message.Generation != then.Generation || row.message.DeleteTime != nil {
		op, err := doneOperation(name, then)
		return op, 0, err
	}
	now := row.proto()
	switch ready := now.TerminalCondition; ready.State {
	case runpb.Condition_CONDITION_RECONCILING:
		op, err := openOperation(name, now)
		return op, row.awaited.id, err
	case runpb.Condition_CONDITION_FAILED:
		op, err := failedOperation(name, now, ready.Message)
		return op, 0, err
	}
	op, err := doneOperation(name, now)
	return op, 0, err
}

// operationOn returns an operation that ends with the execution. The operation of a failed
// run ends with an error. A cancelled run ends without one, and so does a cancel or a
// deletion that came too late.
//
// Deviation: the error is ABORTED, with the message of the condition Completed; Cloud Run
// documents no code.
func (e *Engine) operationOn(v *version, name string, kind operationKind) (*longrunningpb.Operation, error) {
	x := e.show(v)
	switch {
	case !v.state.terminal():
		return openOperation(name, x)
	case v.state != failed || kind != runOperation:
		return doneOperation(name, x)
	}
	return failedOperation(name, x, x.Conditions[0].Message)
}

// operations returns at most limit names of a location's operations before a name, newest
// first.
func (tx *storeTx) operations(at jobspec.Location, before string, limit int) ([]string, error) {
	prefix := at.String() + "/operations/"
	return collect(tx, func(row sqlite.Row) (name string, err error) {
		return name, row.Scan(&name)
	}, `SELECT name FROM operations WHERE name > ? AND name < ? AND name < ? ORDER BY name DESC LIMIT ?`,
		prefix, prefix+"~", before, limit)
}

func (tx *storeTx) deleteOperation(name jobspec.OperationName) error {
	tx.engine.live.removeOperation(name.String())
	n, err := tx.Exec(`DELETE FROM operations WHERE name = ?`, name.String())
	if err == nil && n == 0 {
		return runwith.Errorf(runwith.NotFound, "operation %s does not exist", name)
	}
	return err
}

// addExecutionOperation stores an operation that ends with an execution, and returns its name.
func (tx *storeTx) addExecutionOperation(at jobspec.Location, kind operationKind, v *version) (name string, err error) {
	if name, err = tx.insertOperation(at, kind, operationOf{execution: &v.id}); err != nil {
		return "", err
	}
	if a := tx.engine.live.find(v.id); a != nil {
		tx.OnEnd(func(committed bool) {
			if committed {
				tx.engine.live.addOperation(name, liveOperation{a, kind})
			}
		})
	}
	return name, nil
}

// addJobOperation stores an operation of a job: one that is done, or, for a deletion, one
// that ends with the job's executions.
func (tx *storeTx) addJobOperation(at jobspec.Location, kind operationKind, row *jobRow) (*longrunningpb.Operation, error) {
	name, err := tx.insertOperation(at, kind, operationOf{job: &row.id, message: row.settled()})
	if err != nil {
		return nil, err
	}
	stored, err := tx.operation(name)
	return stored.op, err
}

// operationOf is the subject of an operation.
type operationOf struct {
	execution, job *int64
	message        *runpb.Job
}

func (tx *storeTx) insertOperation(at jobspec.Location, kind operationKind, of operationOf) (name string, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	blob, err := proto.Marshal(of.message)
	if err != nil {
		return "", err
	}
	if blob == nil {
		blob = []byte{} // NULL otherwise
	}
	name = jobspec.OperationName{Location: at, Operation: id.String()}.String()
	_, err = tx.Exec(`INSERT INTO operations (name, kind, execution, job, message) VALUES (?, ?, ?, ?, ?)`,
		name, kind, of.execution, of.job, blob)
	return name, err
}
