package transfer_test

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/invoker/store/transfer"
	"github.com/runwith/runwith/internal/postgrestest"
)

// TestMoveKeepsEverything moves every kind of row, and compares what the two stores say.
func TestMoveKeepsEverything(t *testing.T) {
	t.Parallel()
	path, url := newInstallation(t), postgrestest.Database(t)
	moved, err := transfer.Move(t.Context(), transfer.Options{From: path, To: url})
	if err != nil {
		t.Fatal(err)
	}
	altered := int64(0)
	for _, table := range moved {
		if table.Rows == 0 {
			t.Errorf("table %s: no rows: the installation must have every kind", table.Name)
		}
		altered += table.Altered
	}
	if altered != 2 {
		t.Errorf("altered texts = %d, want 2", altered)
	}
	before, err := sqlite.OpenToMove(t.Context(), path, postgres.Redacted(url))
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	after := open(t, url)
	defer after.Close()
	for name, look := range looks() {
		want, got := look(t, before), look(t, after)
		if reflect.ValueOf(want).Kind() == reflect.Slice && reflect.ValueOf(want).Len() == 0 {
			t.Errorf("%s: nothing to compare", name)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(sameText), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-file +database):\n%s", name, diff)
		}
	}
	if origin, err := after.Origin(t.Context()); err != nil || origin != (store.Origin{}) {
		t.Errorf("Origin = %+v, %v, want a store that has its invocations", origin, err)
	}
}

func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sameText reports whether two texts are the same in a database.
func sameText(a, b string) bool { return postgres.Legible(a) == postgres.Legible(b) }

// looks are questions to a store, whose answers must not depend on the kind of store.
func looks() map[string]func(*testing.T, store.Store) any {
	ask := func(f func(ctx context.Context, s store.Store) (any, error)) func(*testing.T, store.Store) any {
		return func(t *testing.T, s store.Store) any {
			t.Helper()
			answer, err := f(t.Context(), s)
			if err != nil {
				t.Error(err)
			}
			return answer
		}
	}
	return map[string]func(*testing.T, store.Store) any{
		"invocations": ask(func(ctx context.Context, s store.Store) (any, error) { return s.List(ctx, store.Query{Limit: 99}) }),
		"by label": ask(func(ctx context.Context, s store.Store) (any, error) {
			return s.List(ctx, store.Query{Labels: map[string]string{"empty": "", "tenant": "ready"}, Limit: 99})
		}),
		"by key": ask(func(ctx context.Context, s store.Store) (any, error) {
			return s.FindKey(ctx, ledger.OwnerOf("docs"), "key of later")
		}),
		"outstanding": ask(func(ctx context.Context, s store.Store) (any, error) { return s.Outstanding(ctx) }),
		"twins": ask(func(ctx context.Context, s store.Store) (any, error) {
			due, _, err := s.TwinsDue(ctx, march(), 9)
			return due, err
		}),
		"cancels": ask(func(ctx context.Context, s store.Store) (any, error) {
			due, _, err := s.Cancels(ctx, march(), 9)
			return due, err
		}),
		"deliveries": ask(func(ctx context.Context, s store.Store) (any, error) {
			return s.Deliveries(ctx, store.DeliveryQuery{Limit: 99})
		}),
		"endpoints": ask(func(ctx context.Context, s store.Store) (any, error) { return s.Endpoints(ctx) }),
		"events": ask(func(ctx context.Context, s store.Store) (any, error) {
			return s.Events(ctx, store.EventQuery{Limit: 9})
		}),
		"an event":  ask(func(ctx context.Context, s store.Store) (any, error) { return s.Event(ctx, "event-0") }),
		"schedules": ask(func(ctx context.Context, s store.Store) (any, error) { return s.Schedules(ctx) }),
		"usage": ask(func(ctx context.Context, s store.Store) (any, error) {
			return s.SumUsage(ctx, store.UsageQuery{Month: 202603, By: store.ByLabel, Label: "tenant"})
		}),
		"shares": ask(func(ctx context.Context, s store.Store) (any, error) {
			return s.Shares(ctx, budgets().List, 202603, 99)
		}),
		"unsettled": ask(func(ctx context.Context, s store.Store) (any, error) {
			return s.Unsettled(ctx, time.Time{}, 9)
		}),
		"tokens": ask(func(ctx context.Context, s store.Store) (any, error) {
			_, next, err := s.Spend(ctx, "runs", 60, march())
			return next, err
		}),
	}
}

// TestMovedStoreWorks checks that a moved queue goes on, and that new rows have new numbers.
func TestMovedStoreWorks(t *testing.T) {
	t.Parallel()
	path, url := newInstallation(t), postgrestest.Database(t)
	if _, err := transfer.Move(t.Context(), transfer.Options{From: path, To: url}); err != nil {
		t.Fatal(err)
	}
	s := open(t, url)
	defer s.Close()
	taken, err := s.Take(t.Context(), ledger.Take{Now: march().Add(time.Hour), Call: time.Minute, Limit: 9, Runs: "other", Budgets: budgets()})
	if err != nil {
		t.Fatal(err)
	}
	var started []string
	for _, r := range taken.Records {
		started = append(started, r.ID)
	}
	slices.Sort(started)
	if diff := cmp.Diff([]string{"budget-0", "ready", "slot-0"}, started); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	running, err := s.Find(t.Context(), "running")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Move(t.Context(), ledger.Move{From: running, To: running.Observed(ledger.Status{State: runwith.StateSucceeded}, march())}); err != nil {
		t.Errorf("a move that adds deliveries: %v", err)
	}
}

// TestMoveRefuses checks each reason not to begin, and that the file can be served afterwards.
func TestMoveRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, path, url string)
		want    string
	}{
		"no file":   {func(t *testing.T, path, _ string) { remove(t, path) }, "there is no database file"},
		"in use":    {func(t *testing.T, path, _ string) { hold(t, path) }, "is in use by another runwith process"},
		"restored":  {func(t *testing.T, path, _ string) { write(t, path+sqlite.RestoredSuffix, "") }, "is a copy from a backup"},
		"elsewhere": {func(t *testing.T, path, _ string) { write(t, path+sqlite.MovedSuffix, "postgres://other\n") }, "has moved to postgres://other"},
		"not empty": {func(t *testing.T, _, url string) {
			open(t, migrated(t, url)).Close()
			postgrestest.Exec(t, url, `INSERT INTO endpoints VALUES ('docs', 'epoch', 'epoch', '')`)
		}, "is not empty: its table endpoints has rows"},
		"a server": {func(t *testing.T, _, url string) {
			s := open(t, migrated(t, url))
			t.Cleanup(func() { s.Close() })
			if _, err := s.Hold(t.Context(), "tidy", time.Hour); err != nil {
				t.Fatal(err)
			}
		}, "a server works on this database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, url := newInstallation(t), postgrestest.Database(t)
			test.prepare(t, path, url)
			_, err := transfer.Move(t.Context(), transfer.Options{From: path, To: url})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Move = %v, want an error with %q", err, test.want)
			}
			if _, err := os.Stat(path + sqlite.MovedSuffix); err == nil != (name == "elsewhere") {
				t.Errorf("the mark of a moved file: %v", err)
			}
		})
	}
}

func migrated(t *testing.T, url string) string {
	t.Helper()
	if _, err := postgres.Migrate(t.Context(), postgres.Options{URL: url}); err != nil {
		t.Fatal(err)
	}
	return url
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func hold(t *testing.T, path string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
}

// TestMoveIsAllOrNothing ends a copy in its middle, and moves again.
func TestMoveIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, url string, cancel context.CancelFunc){
		"interrupted": func(_ *testing.T, _ string, cancel context.CancelFunc) { cancel() },
		"cut off": func(t *testing.T, url string, _ context.CancelFunc) {
			postgrestest.Exec(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, url := newInstallation(t), migrated(t, postgrestest.Database(t))
			before := inDatabase(t, url)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := transfer.Move(ctx, transfer.Options{From: path, To: url, Progress: func(p transfer.Progress) {
				if p.What == "schedules" && p.Step == transfer.Comparing {
					end(t, url, cancel)
				}
			}})
			if err == nil {
				t.Fatal("Move = nil, want an error")
			}
			if diff := cmp.Diff(before, inDatabase(t, url)); diff != "" {
				t.Errorf("the database after the end (-before +after):\n%s", diff)
			}
			hold(t, path) // a server may open it
		})
	}
}

// inDatabase returns the indexes of a database, and the tables that have rows.
func inDatabase(t *testing.T, url string) (found []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`)
	if err == nil {
		found, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"invocations", "labels", "deliveries", "schedules", "usage"} {
		var some bool
		if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM `+table+`)`).Scan(&some); err != nil {
			t.Fatal(err)
		}
		if some {
			found = append(found, "rows in "+table)
		}
	}
	return found
}

// TestMovedFileIsNotServed checks that nobody starts the same work twice, and that the indexes are
// those of the schema.
func TestMovedFileIsNotServed(t *testing.T) {
	t.Parallel()
	path, url := newInstallation(t), migrated(t, postgrestest.Database(t))
	before := inDatabase(t, url)
	if _, err := transfer.Move(t.Context(), transfer.Options{From: path, To: url}); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path); runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "has moved to postgres://") {
		t.Errorf("Open = %v, want that it has moved", err)
	}
	after := slices.DeleteFunc(inDatabase(t, url), func(text string) bool { return strings.HasPrefix(text, "rows in ") })
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("indexes (-before +after):\n%s", diff)
	}
	_, err := transfer.Move(t.Context(), transfer.Options{From: path, To: url})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("the second Move = %v, want that the database is not empty", err)
	}
	if _, err := os.Stat(path + sqlite.MovedSuffix); errors.Is(err, os.ErrNotExist) {
		t.Error("the second Move has removed the mark of the first")
	}
}

// TestMoveNoticesADifference has the database change a row that it is given.
func TestMoveNoticesADifference(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"a text":  `NEW.reason := NEW.reason || ' '; RETURN NEW;`,
		"a time":  `NEW.disabled_at := NEW.disabled_at + interval '1 microsecond'; RETURN NEW;`,
		"no row":  `RETURN NULL;`,
		"no time": `NEW.failing_since := 'epoch'; RETURN NEW;`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, url := newInstallation(t), migrated(t, postgrestest.Database(t))
			postgrestest.Exec(t, url, `CREATE FUNCTION differ() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+change+` END $$`)
			postgrestest.Exec(t, url, `CREATE TRIGGER differ BEFORE INSERT ON endpoints FOR EACH ROW EXECUTE FUNCTION differ()`)
			_, err := transfer.Move(t.Context(), transfer.Options{From: path, To: url})
			if runwith.CodeOf(err) != runwith.DataLoss || !strings.Contains(err.Error(), "table endpoints") {
				t.Errorf("Move = %v, want DATA_LOSS in table endpoints", err)
			}
		})
	}
}
