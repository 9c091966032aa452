//go:build unix

package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/runwith/runwith/internal/bell"
	"github.com/runwith/runwith/internal/postgrestest"
)

// stage runs transactions statement by statement. Each actor waits before every statement until the
// stage lets it go on. So the stage decides on the order of the statements that several actors send to a
// real PostgreSQL.
type stage struct {
	*Store
	watch *pgx.Conn // sees the waits for locks
}

// actor is one call of the store.
type actor struct {
	name    string
	do      func(ctx context.Context) error
	paused  chan step     // before each statement
	proceed chan struct{} // runs the statement
	done    chan error
	runs    atomic.Uint32 // the process of PostgreSQL that runs the statement; 0: none does

	state actorState
	step  step
}

// step is a statement that an actor is about to run. It is empty for a batch.
type step string

// releases reports whether the statement may release locks.
func (s step) releases() bool {
	return s == "commit" || strings.HasPrefix(strings.ToLower(string(s)), "rollback")
}

type actorState int

const (
	actorPaused  actorState = iota // before a statement
	actorBlocked                   // it waits for a lock that another actor has
	actorEnded
)

type actorKey struct{}

// tracer pauses actors before their statements. To begin a transaction changes nothing for others.
type tracer struct{}

func (tracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if data.SQL != beginWrite {
		pause(ctx, conn, step(data.SQL))
	}
	return ctx
}

func (tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) { ran(ctx) }

func (tracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	pause(ctx, conn, "")
	return ctx
}

func (tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) { ran(ctx) }

// pause returns when the actor goes on, or when the test ends.
func pause(ctx context.Context, conn *pgx.Conn, s step) {
	a, ok := ctx.Value(actorKey{}).(*actor)
	if !ok {
		return
	}
	select {
	case a.paused <- s:
	case <-ctx.Done():
		return
	}
	select {
	case <-a.proceed:
		a.runs.Store(conn.PgConn().PID())
	case <-ctx.Done():
	}
}

func ran(ctx context.Context) {
	if a, ok := ctx.Value(actorKey{}).(*actor); ok {
		a.runs.Store(0)
	}
}

// newStage opens a store on an empty database. Without slot locks, PostgreSQL takes none for
// concurrency keys: a function of the same name that does nothing hides its own.
func newStage(t *testing.T, slotLocks bool) *stage {
	t.Helper()
	address := with(t, newDatabase(t), "synchronous_commit", "off")
	openOn(t, address)
	if !slotLocks {
		postgrestest.Exec(t, address, fmt.Sprintf(`CREATE FUNCTION public.pg_advisory_xact_lock(kind integer, key integer) RETURNS void LANGUAGE plpgsql AS
			'BEGIN IF kind <> %d THEN PERFORM pg_catalog.pg_advisory_xact_lock(kind, key); END IF; END'`, lockSlots))
		address = with(t, address, "search_path", "public,pg_catalog")
	}
	watch, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watch.Close(context.Background()) })
	return &stage{openBare(t, address, func(c *pgx.ConnConfig) { c.Tracer = tracer{} }), watch}
}

// openBare opens a store that does nothing by itself, with connections that change has changed.
func openBare(t *testing.T, address string, change func(*pgx.ConnConfig)) *Store {
	t.Helper()
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	change(config.ConnConfig)
	config.MaxConns = defaultConns
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := &Store{pool: pool, logger: slog.New(slog.DiscardHandler), added: bell.New(), hints: newHints()}
	if err := s.prepare(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return s
}

// play runs actors to their end. choose returns which of the n actors goes on that can. It returns
// the choices, and how many there were each time.
func (g *stage) play(t *testing.T, actors []*actor, choose func(n int) int) (made, of []int) {
	t.Helper()
	for _, a := range actors {
		a.paused, a.proceed, a.done = make(chan step), make(chan struct{}), make(chan error, 1)
		ctx := context.WithValue(t.Context(), actorKey{}, a)
		go func() { a.done <- a.do(ctx) }()
		a.state = actorBlocked
		g.settle(t, a)
	}
	for {
		var able []*actor
		for _, a := range actors {
			if a.state == actorPaused {
				able = append(able, a)
			}
		}
		if len(able) == 0 {
			break
		}
		choice := choose(len(able))
		if choice >= len(able) {
			t.Fatalf("actor %d of those that can go on was next, but %d can: an earlier play of this order went otherwise", choice+1, len(able))
		}
		made, of = append(made, choice), append(of, len(able))
		a := able[choice]
		releases := a.step.releases()
		a.proceed <- struct{}{}
		a.state = actorBlocked
		for _, other := range append([]*actor{a}, actors...) {
			if other == a || releases {
				g.settle(t, other)
			}
		}
	}
	for _, a := range actors {
		if a.state == actorBlocked {
			t.Fatalf("%s waits for a lock, and so do all others that have not ended", a.name)
		}
	}
	return made, of
}

// settle waits until an actor has come before its next statement, has ended, or waits for a lock.
func (g *stage) settle(t *testing.T, a *actor) {
	t.Helper()
	for a.state == actorBlocked {
		select {
		case a.step = <-a.paused:
			a.state = actorPaused
			continue
		case err := <-a.done:
			a.state = actorEnded
			if err != nil {
				t.Errorf("%s = %v", a.name, err)
			}
			continue
		case <-time.After(time.Millisecond):
		}
		if runs := a.runs.Load(); runs != 0 && g.waits(t, runs) {
			return
		}
	}
}

// waits reports whether a process of PostgreSQL waits for an actor that is paused, or that waits itself.
// A wait for PostgreSQL's own processes, such as autovacuum, does not count, because it ends by itself.
func (g *stage) waits(t *testing.T, process uint32) (waits bool) {
	t.Helper()
	err := g.watch.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
		WHERE pid = ANY(pg_blocking_pids($1)) AND (state = 'idle in transaction' OR wait_event_type = 'Lock'))`, process).Scan(&waits)
	if err != nil {
		t.Fatal(err)
	}
	return waits
}

// first chooses as in an earlier play, and then always the first actor.
func first(choices []int) func(n int) int {
	return func(int) int {
		if len(choices) == 0 {
			return 0
		}
		choice := choices[0]
		choices = choices[1:]
		return choice
	}
}

// next returns the choices after those of a play; false: all were tried.
func next(made, of []int) (choices []int, more bool) {
	for i, choice := range slices.Backward(made) {
		if choice+1 < of[i] {
			return append(made[:i:i], choice+1), true
		}
	}
	return nil, false
}
