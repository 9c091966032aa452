package sqlite

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/sqlite"
)

var writeNewest = flag.Bool("newest", false, "write schema/newest.sql anew from the migrations")

// TestNewestSchemaIsThatOfMigrations checks that a new file has the same schema as a migrated one.
func TestNewestSchemaIsThatOfMigrations(t *testing.T) {
	t.Parallel()
	scripts, err := sqlite.Scripts(schema, migrations[:]...)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "migrated.db"), Migrations: scripts})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	migrated := statements(t, db)
	if *writeNewest {
		text := "-- Written by go test ./internal/invoker/store/sqlite -newest: do not edit.\n" + strings.Join(migrated, ";\n\n") + ";\n"
		if err := os.WriteFile(filepath.Join("schema", "newest.sql"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return // this test binary contains the earlier file
	}
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "new.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if diff := cmp.Diff(migrated, statements(t, s.DB())); diff != "" {
		t.Errorf("schema of a new file (-migrated +new); run this package's tests with -newest:\n%s", diff)
	}
}

// statements returns the statements that built a schema, in the order that the planner sees.
func statements(t *testing.T, db *sqlite.DB) (all []string) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sqlite.Tx) error {
		for row, err := range tx.Query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid") {
			if err != nil {
				return err
			}
			var text string
			if err := row.Scan(&text); err != nil {
				return err
			}
			all = append(all, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
