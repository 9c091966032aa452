package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

func joined(columns []string) string { return strings.Join(columns, ", ") }

// withoutIndexes copies the tables while they have no indexes but those of their constraints, and
// then builds the others. To add each row to all of them takes several times as long.
func (f *Filling) withoutIndexes(filler Filler) error {
	rows, err := f.t.Query(f.t.ctx, `SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
		WHERE indrelid = ANY($1::text[]::regclass[]) AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)`, filledTables())
	if err != nil {
		return err
	}
	var (
		names, definitions []string
		name, definition   string
	)
	if _, err := pgx.ForEachRow(rows, []any{&name, &definition}, func() error {
		names, definitions = append(names, name), append(definitions, definition)
		return nil
	}); err != nil {
		return err
	}
	if _, err := f.t.exec(`DROP INDEX ` + joined(names)); err != nil {
		return err
	}
	if err := filler.Tables(f); err != nil {
		return err
	}
	for i, definition := range definitions {
		if _, err := f.t.exec(definition); err != nil {
			return fmt.Errorf("build an index: %w", err)
		}
		filler.Indexes(i+1, len(definitions))
	}
	return nil
}

// end writes what belongs to a store beside its tables: the next numbers of rows, statistics for
// the planner, and that nothing must be read back from Cloud Run.
func (f *Filling) end(system string) error {
	for _, c := range []struct{ table, column string }{{"deliveries", "seq"}, {"usage", "id"}} {
		if _, err := f.t.exec(`SELECT setval(pg_get_serial_sequence($1, $2), greatest(max(`+c.column+`), 1), max(`+c.column+`) IS NOT NULL) FROM `+c.table, c.table, c.column); err != nil {
			return err
		}
	}
	if _, err := f.t.exec(`ANALYZE ` + joined(filledTables())); err != nil {
		return err
	}
	_, err := f.t.exec(`INSERT INTO installation (system, rebuilt) SELECT $1, true WHERE EXISTS (SELECT 1 FROM invocations)`, system)
	return err
}
