package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith"
)

const (
	// connectTimeout bounds a connection that is made. A URL may say otherwise (connect_timeout).
	connectTimeout = 5 * time.Second
	// defaultConns is how many connections a process has at most. A URL may say otherwise
	// (pool_max_conns).
	defaultConns = 16
)

// connect opens connections, and reports whether a pooler such as PgBouncer stands before the
// database. Then a session is not one connection: nothing may depend on one.
func connect(ctx context.Context, o Options) (_ *pgxpool.Pool, pooled bool, err error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, false, runwith.Errorf(runwith.InvalidArgument, "the URL of the store cannot be used: %s", faultOf(err))
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(o.URL, "pool_max_conns") {
		config.MaxConns = defaultConns
	}
	if pooled, err = throughPooler(ctx, config.ConnConfig); err != nil {
		return nil, false, err
	}
	if pooled {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	} else {
		// A connection keeps its plans. Those that were made while the tables were small must do
		// when these are large.
		config.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
		// That makes a plan that reads a whole table look so costly that PostgreSQL 15 to 17 would
		// compile it, which takes a second for a few rows.
		config.ConnConfig.RuntimeParams["jit"] = "off"
		// Each connection keeps one plan for all arguments, even if a plan for some of them looks
		// cheaper: to plan a list takes longer than to read it.
		config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, false, shown(err)
	}
	return pool, pooled, nil
}

// throughPooler reports whether the process at the other end is not the one that the database
// names: a pooler makes process IDs up.
func throughPooler(ctx context.Context, c *pgx.ConnConfig) (bool, error) {
	plain := c.Copy()
	plain.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, plain)
	if err != nil {
		return false, refused(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var pid uint32
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return false, refused(err)
	}
	return pid != conn.PgConn().PID(), nil
}

// refused returns the error of the first connection. It does not pass by itself, unless the
// database takes nothing now.
func refused(err error) error {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return &runwith.Error{Code: runwith.Unavailable, Err: err, Message: "PostgreSQL cannot be reached: " + faultOf(err) + reachable(err)}
	case reasonOf(err) != "":
		return &runwith.Error{Code: runwith.Unavailable, Err: err, Message: "PostgreSQL refuses the connection: " + answer.Message + tryLater}
	}
	return &runwith.Error{Code: runwith.FailedPrecondition, Err: err, Message: "PostgreSQL refuses the connection: " + answer.Message + advice(answer)}
}

// advice is the next step after a refusal.
func advice(answer *pgconn.PgError) string {
	switch answer.Code {
	case "28P01":
		return ": check user and password (in the URL, in PGPASSWORD or in a password file that PGPASSFILE names)"
	case "28000":
		if strings.HasSuffix(answer.Message, "no encryption") {
			return ": add sslmode=require to the URL, or allow the connection in pg_hba.conf"
		}
		return ": check the user, or allow the connection in pg_hba.conf"
	case "3D000":
		return ": create it with createdb"
	}
	return ""
}

// faultOf returns an error's text without the password that a URL may have.
func faultOf(err error) string {
	if parse, ok := errors.AsType[*url.Error](err); ok {
		return parse.Err.Error()
	}
	text := err.Error() // pgconn redacts passwords
	if failed, ok := errors.AsType[*pgconn.ConnectError](err); ok && failed.Unwrap() != nil {
		text = failed.Unwrap().Error()
	}
	attempts := strings.Split(text, "\n") // with and without TLS
	for _, attempt := range attempts {
		if !strings.HasSuffix(attempt, noTLS) {
			return attempt
		}
	}
	return attempts[0]
}

// reachable is the next step if no connection came about.
func reachable(err error) string {
	if strings.HasSuffix(faultOf(err), noTLS) {
		return ": remove sslmode from the URL, or set ssl = on in postgresql.conf"
	}
	return ": start it, or correct --store"
}

// noTLS ends pgconn's error of an attempt if the server has no TLS. pgconn does not export that
// error. If sslmode allows it, another attempt without TLS follows, whose error is the cause.
const noTLS = "server refused TLS connection"

// IsURL reports whether a text is meant as the URL of a store.
func IsURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// Redacted returns the URL of a store without its password, to show it.
func Redacted(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that cannot be read"
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
