package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store"
)

// errDamaged means that a row has a value that no runwith writes.
var errDamaged = errors.New("the database has a value that runwith does not write: was it changed by hand?")

// Codes of PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	undefinedTable       = "42P01"
	insufficientRight    = "42501"
	diskFull             = "53100"
)

// reasons are the codes, or their first two characters, that say that the database takes nothing
// now, and why.
var reasons = map[string]string{
	"08":     "the connection to the database was lost",
	"25006":  "the database is read-only",
	"25P03":  "the database ended a transaction that stood still",
	"53":     "the database is short of resources",
	diskFull: "the database's disk is full",
	"53200":  "the database is out of memory",
	"53300":  "the database has no free connection",
	"55P03":  "a lock in the database was not free in time",
	"57":     "the database ended the connection",
	"57014":  "the database did not answer in time",
	"57P01":  "the database is stopping",
	"57P02":  "the database has crashed",
	"57P03":  "the database is starting",
	"58":     "the database's system has failed",
}

// code returns PostgreSQL's code of an error, or nothing.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// violates reports whether an error means that a row breaks a unique index.
func violates(err error, index string) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == uniqueViolation && e.ConstraintName == index
}

// fleeting reports whether the transaction may be made again at once: PostgreSQL has chosen it to
// give way.
func fleeting(err error) bool {
	c := code(err)
	return c == serializationFailure || c == deadlockDetected
}

// lost reports whether an error comes from the connection, not from the database.
func lost(err error) bool {
	if err == nil || errors.Is(err, pgx.ErrNoRows) || errors.Is(err, context.Canceled) || own(err) {
		return false
	}
	c := code(err)
	return c == "" || c[:2] == "08" || c[:2] == "57"
}

// own reports whether an error is not the database's.
func own(err error) bool {
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrTaken) || errors.Is(err, errDamaged) {
		return true
	}
	_, known := errors.AsType[*runwith.Error](err)
	return known
}

// shown returns an error as callers see it: UNAVAILABLE with the reason if the database takes
// nothing now. Other errors stay as they are.
func shown(err error) error {
	if err == nil || own(err) || errors.Is(err, pgx.ErrNoRows) || errors.Is(err, context.Canceled) {
		return err
	}
	reason := reasonOf(err)
	if reason == "" {
		return err
	}
	return &runwith.Error{Code: runwith.Unavailable, Err: err, Message: reason + tryLater}
}

const tryLater = ": try again later"

// reasonOf returns why the database takes nothing now. It is empty if the error has another cause.
func reasonOf(err error) string {
	c := code(err)
	switch {
	case c == "" && errors.Is(err, context.DeadlineExceeded):
		return "the database did not answer in time"
	case c == "":
		return "the database cannot be reached"
	case reasons[c] != "":
		return reasons[c]
	}
	return reasons[c[:2]]
}
