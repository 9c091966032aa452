package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Import implements [store.Store]. An acceptance at the same time may take a key after Import has
// looked for it: then Import looks again.
func (s *Store) Import(ctx context.Context, read []ledger.Record) (added []ledger.Record, err error) {
	for range retries {
		added, err = s.write(ctx, "import invocations", func(t tx) (added []ledger.Record, err error) {
			if added, err = fresh(t, read); err != nil {
				return nil, err
			}
			var b batch
			for _, r := range added {
				b.insert(r)
			}
			return added, b.run(t)
		})
		if code(err) != uniqueViolation {
			break
		}
	}
	return added, err
}

// fresh returns the records that the store does not have, without the keys that are taken.
func fresh(t tx, read []ledger.Record) (missing []ledger.Record, err error) {
	known, taken, err := inStore(t, read)
	if err != nil {
		return nil, err
	}
	type execution struct{ name, uid string }
	type key struct{ owner, key string }
	ids, executions, keys := map[string]bool{}, map[execution]bool{}, map[key]bool{}
	for i, r := range read {
		e, k := execution{r.Execution, r.ExecutionUID}, key{r.Owner, r.Key}
		if known[i] || ids[r.ID] || executions[e] {
			continue
		}
		if taken[i] || keys[k] {
			r.Key = ""
		}
		ids[r.ID] = true
		executions[e] = r.Execution != "" && (r.ExecutionUID != "" || r.Finished.IsZero())
		keys[k] = k.key != ""
		missing = append(missing, r)
	}
	return missing, nil
}

// inStore reports for each record whether the store has it, and whether another one has its key.
func inStore(t tx, read []ledger.Record) (known, taken []bool, err error) {
	var columns [5][]string
	for _, r := range read {
		for i, value := range []string{r.ID, r.Execution, r.ExecutionUID, r.Owner, r.Key} {
			columns[i] = append(columns[i], value)
		}
	}
	known, taken = make([]bool, 0, len(read)), make([]bool, 0, len(read))
	rows, err := t.Query(t.ctx, `SELECT EXISTS (SELECT 1 FROM invocations WHERE id = read.id)
			OR EXISTS (SELECT 1 FROM invocations WHERE execution = read.execution AND execution_uid = read.uid AND (execution_uid <> '' OR finished = 'epoch'))
			OR EXISTS (SELECT 1 FROM twins WHERE execution = read.execution),
			EXISTS (SELECT 1 FROM invocations WHERE owner = read.owner AND key = read.key)
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS read (id, execution, uid, owner, key, n) ORDER BY n`,
		clean([]any{columns[0], columns[1], columns[2], columns[3], columns[4]})...)
	if err != nil {
		return nil, nil, err
	}
	var k, tk bool
	_, err = pgx.ForEachRow(rows, []any{&k, &tk}, func() error {
		known, taken = append(known, k), append(taken, tk)
		return nil
	})
	return known, taken, err
}
