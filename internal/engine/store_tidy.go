package engine

import (
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

// old returns ended executions beyond the newest keep of each job, at most limit.
func (tx *storeTx) old(keep, limit int) ([]int64, error) {
	return collect(tx, scanID, `SELECT id FROM (
			SELECT e.id, row_number() OVER (PARTITION BY e.job ORDER BY e.id DESC) AS age
			FROM jobs j CROSS JOIN executions e INDEXED BY executions_shown_by_job ON e.job = j.id
			WHERE j.executions > ?1 AND e.deleted IS NULL AND e.`+hasEnded+`)
		WHERE age > ?1 LIMIT ?2`, keep, limit)
}

// hide hides executions that have ended.
func (tx *storeTx) hide(executions []int64, now time.Time) error {
	type execution struct{ id, job int64 }
	hidden, err := collect(tx, func(row sqlite.Row) (x execution, err error) {
		return x, row.Scan(&x.id, &x.job)
	}, `UPDATE executions SET deleted = ? WHERE id IN (SELECT value FROM json_each(?)) AND deleted IS NULL RETURNING id, job`,
		now.UnixNano(), list(executions))
	if err != nil || len(hidden) == 0 {
		return err
	}
	tx.OnEnd(func(committed bool) {
		for _, x := range hidden {
			if a := tx.engine.live.find(x.id); a != nil && committed {
				tx.engine.live.remove(a)
			}
		}
	})
	tx.engine.lists.forget(tx, allJobs)
	fewer := map[int64]int{} // executions, by job
	for _, x := range hidden {
		fewer[x.job]++
	}
	for job, n := range fewer {
		if err := tx.change(`UPDATE jobs SET executions = executions - ? WHERE id = ?`, n, job); err != nil {
			return err
		}
	}
	return nil
}

// hiddenWithOutput returns hidden executions that have ended and still have tasks and
// output.
func (tx *storeTx) hiddenWithOutput(limit int) ([]*executionRow, error) {
	return collect(tx, scanExecution, `SELECT `+executionColumns+` FROM executions e INDEXED BY executions_untidy
		WHERE e.deleted IS NOT NULL AND e.output = 1 AND e.`+hasEnded+` LIMIT ?`, limit)
}

// removeTasks removes the tasks of executions, and notes that their output is gone.
func (tx *storeTx) removeTasks(executions []int64) error {
	ids := list(executions)
	for _, from := range []string{"tasks", "attempts", "interruptions"} {
		if _, err := tx.Exec(`DELETE FROM `+from+` WHERE execution IN (SELECT value FROM json_each(?))`, ids); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`UPDATE executions SET output = 0 WHERE id IN (SELECT value FROM json_each(?))`, ids)
	return err
}

// removeOperations removes operations that were made before a time and are done, at most
// tidyBatch. The name of an operation begins with its location, and ends with its time.
func (tx *storeTx) removeOperations(before time.Time) (more bool, err error) {
	n, err := tx.Exec(`WITH RECURSIVE locations (prefix) AS (
			SELECT (SELECT substr(name, 1, length(name) - 36) FROM operations WHERE name > '' ORDER BY name LIMIT 1)
			UNION ALL
			SELECT (SELECT substr(name, 1, length(name) - 36) FROM operations WHERE name > prefix || '~' ORDER BY name LIMIT 1)
			FROM locations WHERE prefix IS NOT NULL)
		DELETE FROM operations WHERE name IN (
			SELECT o.name FROM locations CROSS JOIN operations o ON o.name > prefix AND o.name < prefix || ?1
			WHERE NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = o.execution AND e.`+isLive+`)
			LIMIT ?2)`, oldestOperation(before), tidyBatch)
	return n == tidyBatch, err
}

// removeExpired removes executions that were hidden before a time, at most tidyBatch, and
// such jobs.
func (tx *storeTx) removeExpired(before time.Time) (more bool, err error) {
	n, err := tx.Exec(`DELETE FROM executions WHERE id IN (
		SELECT id FROM executions INDEXED BY executions_deleted WHERE deleted < ? AND `+hasEnded+` LIMIT ?)`, before.UnixNano(), tidyBatch)
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(`DELETE FROM jobs WHERE deleted < ? AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.job = jobs.id)`,
		before.UnixNano())
	return n == tidyBatch, err
}
