package engine

import "time"

// hideOld hides ended executions beyond the newest keep of each job.
func (tx *storeTx) hideOld(keep int, now time.Time) (more bool, err error) {
	hidden, err := collect(tx, scanID, `UPDATE executions SET deleted = ?1 WHERE id IN (
			SELECT id FROM (
				SELECT id, row_number() OVER (PARTITION BY job ORDER BY id DESC) AS age
				FROM executions
				WHERE deleted IS NULL AND `+hasEnded+`
					AND job IN (SELECT id FROM jobs WHERE executions > ?2))
			WHERE age > ?2 LIMIT ?3) RETURNING id`, now.UnixNano(), keep, tidyBatch)
	if err != nil || len(hidden) == 0 {
		return false, err
	}
	tx.OnEnd(func(committed bool) {
		for _, id := range hidden {
			if a := tx.engine.live.find(id); a != nil && committed {
				tx.engine.live.remove(a)
			}
		}
	})
	tx.engine.lists.forget(tx, allJobs)
	_, err = tx.Exec(`UPDATE jobs SET executions = (SELECT count(*) FROM executions e WHERE e.job = jobs.id AND e.deleted IS NULL)
		WHERE executions > ?`, keep)
	return len(hidden) == tidyBatch, err
}

// hiddenWithOutput returns hidden executions that have ended and still have tasks and
// output.
func (tx *storeTx) hiddenWithOutput(limit int) ([]*executionRow, error) {
	return collect(tx, scanExecution, `SELECT `+executionColumns+` FROM executions e INDEXED BY executions_untidy
		WHERE e.deleted IS NOT NULL AND e.output = 1 AND e.`+hasEnded+` LIMIT ?`, limit)
}

func (tx *storeTx) removeTasks(execution int64) error {
	for _, from := range []string{"tasks", "attempts"} {
		if _, err := tx.Exec(`DELETE FROM `+from+` WHERE execution = ?`, execution); err != nil {
			return err
		}
	}
	return tx.change(`UPDATE executions SET output = 0 WHERE id = ? AND output = 1`, execution)
}

// removeExpired removes what was hidden before a time, and operations that were made
// before it and are done. Operations go first, because one without its execution could not
// be shown.
func (tx *storeTx) removeExpired(before time.Time) (more bool, err error) {
	// A minute more, because the operation of a deletion is made just after it.
	if _, err := tx.Exec(`DELETE FROM operations WHERE substr(name, -36) < ? AND (execution IS NULL
		OR execution NOT IN (SELECT id FROM executions WHERE `+isLive+`))`,
		oldestOperation(before.Add(time.Minute))); err != nil {
		return false, err
	}
	n, err := tx.Exec(`DELETE FROM executions WHERE id IN (
		SELECT id FROM executions WHERE deleted < ? AND `+hasEnded+` LIMIT ?)`, before.UnixNano(), tidyBatch)
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(`DELETE FROM jobs WHERE deleted < ? AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.job = jobs.id)`,
		before.UnixNano())
	return n == tidyBatch, err
}
