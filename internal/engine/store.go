package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/microtime"
	"github.com/runwith/runwith/internal/sqlite"
)

// errStale reports that a row is not in the state from which a transition starts. The
// caller has lost a race and has nothing to do.
var errStale = errors.New("state has changed meanwhile")

// storeTx is a transaction of the engine's database. Its methods that write are
// transitions: each compares the state that it starts from, so that it cannot happen
// twice.
type storeTx struct {
	*sqlite.Tx
	engine *Engine
}

func (e *Engine) write(ctx context.Context, f func(*storeTx) error) error {
	return e.db.Write(ctx, func(tx *sqlite.Tx) error { return f(&storeTx{tx, e}) })
}

// room returns why the disk has no room for new work. Old output makes room if it can.
func (e *Engine) room() error {
	if e.db.Ready() == nil {
		return nil
	}
	e.logs.MakeRoom()
	return e.db.Ready()
}

// add is write for new work, which is refused while the disk is almost full.
func (e *Engine) add(ctx context.Context, f func(*storeTx) error) error {
	if err := e.room(); err != nil {
		return err
	}
	return e.db.Add(ctx, func(tx *sqlite.Tx) error { return f(&storeTx{tx, e}) })
}

func (e *Engine) read(ctx context.Context, f func(*storeTx) error) error {
	return e.db.Read(ctx, func(tx *sqlite.Tx) error { return f(&storeTx{tx, e}) })
}

// change runs a statement that must change exactly one row.
func (tx *storeTx) change(query string, args ...any) error {
	n, err := tx.Exec(query, args...)
	switch {
	case err != nil:
		return err
	case n != 1:
		return errStale
	}
	return nil
}

// collect returns the rows that a query finds.
func collect[T any](tx *storeTx, scan func(sqlite.Row) (T, error), query string, args ...any) ([]T, error) {
	var all []T
	for row, err := range tx.Query(query, args...) {
		if err != nil {
			return nil, err
		}
		found, err := scan(row)
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}

// unmarshal reads a stored message.
func unmarshal[M proto.Message](blob []byte, into M) (M, error) {
	if err := proto.Unmarshal(blob, into); err != nil {
		return into, fmt.Errorf("read stored %s: %w: %w", into.ProtoReflect().Descriptor().Name(), sqlite.ErrDamaged, err)
	}
	return into, nil
}

// unmarshalJob reads a stored job. Older versions stored times in nanoseconds, and fewer
// defaults.
func (e *Engine) unmarshalJob(blob []byte) (*runpb.Job, error) {
	job, err := unmarshal(blob, &runpb.Job{})
	e.complete(job)
	for _, t := range []*timestamppb.Timestamp{job.CreateTime, job.UpdateTime, job.DeleteTime, job.ExpireTime} {
		microtime.Round(t)
	}
	return job, err
}

// unmarshalExecution reads a stored execution.
func unmarshalExecution(blob []byte) (*runpb.Execution, error) {
	x, err := unmarshal(blob, &runpb.Execution{})
	microtime.Round(x.CreateTime) // see unmarshalJob
	return x, err
}

// timeAt returns the time of a column. 0 and NULL are the zero time. Older versions stored
// nanoseconds.
func timeAt(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, microtime.Nanos(nanos)).UTC()
}

// nanos returns the value of a column for a time: 0 for the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
