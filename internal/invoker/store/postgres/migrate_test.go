//go:build unix

package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/postgrestest"
)

// TestEverySchemaIsMigrated opens a database of each earlier schema version. testdata has its rows,
// as pg_dump has written them.
func TestEverySchemaIsMigrated(t *testing.T) {
	t.Parallel()
	for version := 1; version < Newest; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			address := postgrestest.Database(t)
			fillSchema(t, address, version)
			if s, err := Open(t.Context(), Options{URL: address}); err == nil {
				s.Close()
				t.Fatal("Open without Migrate succeeded")
			}
			s := openOn(t, address)
			for name, q := range map[string]store.Query{
				"all":                 {},
				"of a caller's job":   {Owner: "me", Job: "report"},
				"labelled":            {Labels: map[string]string{"team": "a"}},
				"succeeded of a job":  {Job: "report", States: []runwith.State{runwith.StateSucceeded}},
				"of a caller's state": {Owner: "me", States: []runwith.State{runwith.StateSucceeded}},
			} {
				q.Limit = 10
				found, err := s.List(t.Context(), q)
				if err != nil || len(found) != 1 || found[0].ID != "id-000" {
					t.Errorf("list %s = %v, %v; want id-000", name, found, err)
				}
			}
		})
	}
}

// fillSchema makes the tables of a schema version, with rows.
func fillSchema(t *testing.T, address string, version int) {
	t.Helper()
	scripts := []string{"CREATE TABLE schema_version (one boolean PRIMARY KEY DEFAULT true, version integer NOT NULL, oldest integer NOT NULL)"}
	for _, m := range migrations[:version] {
		script, err := schema.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, string(script))
	}
	rows, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("schema%d.sql", version)))
	if err != nil {
		t.Fatal(err)
	}
	scripts = append(scripts, string(rows), fmt.Sprintf("INSERT INTO schema_version (version, oldest) VALUES (%d, %d)", version, migrations[version-1].oldest))
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, script := range scripts {
		if _, err := conn.Exec(t.Context(), script); err != nil {
			t.Fatal(err)
		}
	}
}
