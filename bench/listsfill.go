package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

const (
	// rareInvocations is the number of invocations that a rare filter selects.
	rareInvocations = 10
	// listedEvery is the time between two invocations.
	listedEvery = 100 * time.Millisecond
	// rerunOf is the invocation that some run again.
	rerunOf = "00000000-0000-7000-8000-000000000000"
)

// copiesOfOne makes ?1 copies of the only invocation, which differ in what lists select by. Of the
// arguments, ?2 is the time of the first one, ?3 the milliseconds between two, and the others are
// names. A rare filter selects rareInvocations of them, spread evenly: r counts from one to the next.
const copiesOfOne = `INSERT INTO invocations (id, execution, job, state, principal, owner, source, rerun_of, labels, created, started, finished, watched, watch_until, %[1]s)
	WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1),
	drawn AS (SELECT i, i %% (?1 / 10) AS r, ?2 + i * ?3 AS at,
		CASE WHEN i %% (?1 / 10) IN (3, 4) THEN 3 ELSE i %% 4 END AS j, i / 8 %% 2 AS c, i / 16 %% 2 AS t FROM n),
	named AS (SELECT i, at, r,
		CASE r WHEN 0 THEN ?4 WHEN 1 THEN 'third' WHEN 2 THEN 'seldom'
			ELSE CASE j WHEN 0 THEN ?4 WHEN 1 THEN 'other' WHEN 2 THEN 'third' ELSE 'scheduled' END END AS job,
		CASE r WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' WHEN 2 THEN 'refused' WHEN 3 THEN 'failed' WHEN 4 THEN 'succeeded'
			ELSE iif(j IN (1, 2) AND i / 4 %% 2 = 0, 'failed', 'succeeded') END AS state,
		CASE r WHEN 0 THEN 'caller-0' WHEN 1 THEN 'caller-1' WHEN 2 THEN 'seldom' WHEN 3 THEN 'schedule/nightly' WHEN 4 THEN 'schedule/seldom'
			ELSE CASE j WHEN 3 THEN iif(c, 'schedule/nightly', 'trigger/uploads') WHEN 2 THEN 'caller-0' ELSE 'caller-' || c END END AS caller,
		CASE r WHEN 0 THEN 'globex' WHEN 1 THEN 'acme' WHEN 2 THEN 'seldom' WHEN 3 THEN ''
			ELSE iif(t, 'acme', iif(j IN (1, 2) AND i / 4 %% 2 = 0, '', 'globex')) END AS tenant FROM drawn)
	SELECT printf('%%08x-%%04x-7000-8000-%%012d', at >> 16, at & 65535, i), execution || '-' || i, named.job, named.state, caller, owners.value,
		iif(caller GLOB '*/*', caller, ''), iif(r = 3, ?5, ''),
		iif(tenant = '', '', json_object('region', 'eu', 'tenant', tenant)), at * 1000, at * 1000 + 1000, at * 1000 + 2000, 0, 0, %[1]s
	FROM named JOIN json_each(?6) AS owners ON owners.key = caller, (SELECT * FROM invocations LIMIT 1) AS template`

const labelsOfCopies = `INSERT INTO labels (owner, name, value, invocation)
	SELECT i.owner, l.key, l.value, i.id FROM invocations AS i, json_each(i.labels) AS l WHERE i.labels <> ''`

// fillLists adds so many copies of the only invocation to the database of an invoker. The first was
// accepted at a time.
func fillLists(ctx context.Context, path string, since time.Time, count int) error {
	owners := map[string]string{}
	for _, caller := range []string{"caller-0", "caller-1", "seldom", "schedule/nightly", "schedule/seldom", "trigger/uploads"} {
		owners[caller] = ledger.OwnerOf(caller)
	}
	hashes, err := json.Marshal(owners)
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	err = db.Write(ctx, func(tx *sqlite.Tx) error {
		return withoutIndexes(tx, func() error {
			var same string // the columns that are copied as they are
			err := tx.QueryRow(`SELECT group_concat(name) FROM pragma_table_info('invocations')
				WHERE name NOT IN ('id', 'execution', 'key', 'job', 'state', 'principal', 'owner', 'source', 'rerun_of', 'labels',
					'created', 'started', 'finished', 'watched', 'watch_until')`).Scan(&same)
			if err != nil {
				return err
			}
			_, err = tx.Exec(fmt.Sprintf(copiesOfOne, same), count, since.UnixMilli(), listedEvery.Milliseconds(), jobID, rerunOf, string(hashes))
			if err == nil {
				_, err = tx.Exec(labelsOfCopies)
			}
			return err
		})
	})
	return errors.Join(err, db.Close())
}

// withoutIndexes fills tables that have no indexes meanwhile. To build these afterwards is faster.
func withoutIndexes(tx *sqlite.Tx, fill func() error) error {
	const indexes = `FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('invocations', 'labels')`
	var drop, build string
	err := tx.QueryRow(`SELECT group_concat('DROP INDEX ' || name, ';'), group_concat(sql, ';') `+indexes).Scan(&drop, &build)
	for _, step := range []func() error{func() error { return execAll(tx, drop) }, fill, func() error { return execAll(tx, build) }} {
		if err == nil {
			err = step()
		}
	}
	return err
}

func execAll(tx *sqlite.Tx, statements string) error {
	for statement := range strings.SplitSeq(statements, ";") {
		if _, err := tx.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}

// listedAt returns when a copy was accepted, and listedID its ID.
func (l *listed) listedAt(i int) time.Time { return l.since.Add(time.Duration(i) * listedEvery) }

func (l *listed) listedID(i int) string {
	return fmt.Sprintf("%s-7000-8000-%012d", ledger.IDAt(l.listedAt(i)), i)
}
