package engine

import (
	"encoding/json"
	"math"
	"time"

	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/sqlite"
)

// logSources finds the executions of a selection: by their names if it has some, and
// otherwise by their jobs. The ID of an execution begins with its job's.
func (tx *storeTx) logSources(s LogSelection) ([]LogSource, error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !s.From.IsZero() {
		from = max(s.From.UnixNano(), math.MinInt64+int64(clockStep)) - int64(clockStep)
	}
	if !s.To.IsZero() {
		to = min(s.To.UnixNano(), math.MaxInt64-int64(clockStep)) + int64(clockStep)
	}
	args := []any{list(s.Projects), list(s.Regions), list(s.Jobs), from, to}
	if s.Executions != nil {
		const prefix = `'projects/' || j.project || '/locations/' || j.region || '/jobs/' || j.job || '/executions/'`
		return collect(tx, scanLogSource, logSourcesOf(`CROSS JOIN json_each(?6) x CROSS JOIN executions e ON e.name = `+prefix+` || x.value
			WHERE substr(x.value, 1, length(j.job) + 1) = j.job || '-'`), append(args, list(s.Executions))...)
	}
	return collect(tx, scanLogSource, logSourcesOf(`CROSS JOIN executions e INDEXED BY executions_shown_by_job ON e.job = j.id WHERE true`), args...)
}

// logSourcesOf selects from executions joined to their jobs, which ?1 to ?3 select.
func logSourcesOf(join string) string {
	return `SELECT e.id, e.created, e.completed
		FROM (SELECT id, project, region, job FROM jobs WHERE deleted IS NULL
			AND project IN (SELECT value FROM json_each(?1))
			AND (?2 IS NULL OR region IN (SELECT value FROM json_each(?2)))
			AND (?3 IS NULL OR job IN (SELECT value FROM json_each(?3)))) j ` + join + `
		AND e.deleted IS NULL AND (e.completed = 0 OR e.completed >= ?4) AND e.created <= ?5`
}

func scanLogSource(row sqlite.Row) (s LogSource, err error) {
	var created, completed int64
	err = row.Scan(&s.ID, &created, &completed)
	s.Created, s.Ended = timeAt(created), timeAt(completed)
	return s, err
}

// list returns a parameter for json_each; nil is NULL.
func list[T any](values []T) any {
	if values == nil {
		return nil
	}
	text, err := json.Marshal(values)
	if err != nil {
		return nil // strings and numbers always encode
	}
	return string(text)
}

// keepAttempt stores the end of an attempt that a retry follows.
func (tx *storeTx) keepAttempt(execution int64, p placement, end ending, now time.Time) error {
	return tx.change(`INSERT INTO attempts (execution, task, attempt, completed, ran, exit_code, term_signal, status_code, status)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		execution, p.task, p.attempt, now.UnixNano(), end.ran, end.result.ExitCode, end.result.Signal, end.code, end.status)
}

// keepInterruption stores that an attempt was interrupted and is placed again.
func (tx *storeTx) keepInterruption(execution int64, i interruption) error {
	return tx.change(`INSERT INTO interruptions (execution, task, attempt, incarnation, at) VALUES (?, ?, ?, ?, ?)`,
		execution, i.task, i.attempt, i.incarnation, i.at.UnixNano())
}

// interruptions returns the interruptions of an execution's attempts, of the tasks of a
// query and since its time.
func (tx *storeTx) interruptions(execution int64, q tasklog.Query) ([]interruption, error) {
	since, _ := q.Nanos()
	return collect(tx, scanInterruption, `SELECT task, attempt, incarnation, at FROM interruptions
		WHERE execution = ?1 AND at >= ?2 AND (?3 IS NULL OR task IN (SELECT value FROM json_each(?3)))`, execution, since, tasksOf(q))
}

func scanInterruption(row sqlite.Row) (i interruption, err error) {
	var at int64
	err = row.Scan(&i.task, &i.attempt, &i.incarnation, &at)
	i.at = timeAt(at)
	return i, err
}

// tasksOf returns the tasks of a query as a parameter.
func tasksOf(q tasklog.Query) any {
	if len(q.Tasks) == 0 {
		return list[int](nil) // all
	}
	return list(q.Tasks)
}

// attemptEnds returns the ends of an execution's attempts, of the tasks of a query and
// since its time. Ends after its Until are included: a log of an older schema may hold
// lines about these attempts, from an earlier time, that give way to the derived ones.
func (tx *storeTx) attemptEnds(execution int64, q tasklog.Query) ([]attemptEnd, error) {
	const columns = `SELECT task, attempt, completed, ran, exit_code, term_signal, status_code, status`
	const where = ` WHERE execution = ?1 AND completed >= ?2 AND (?3 IS NULL OR task IN (SELECT value FROM json_each(?3)))`
	since, _ := q.Nanos()
	return collect(tx, scanAttemptEnd,
		columns+` FROM tasks`+where+` AND ran IS NOT NULL UNION ALL `+columns+` FROM attempts`+where, execution, since, tasksOf(q))
}

func scanAttemptEnd(row sqlite.Row) (e attemptEnd, err error) {
	var completed int64
	err = row.Scan(&e.task, &e.attempt, &completed, &e.ran, &e.result.ExitCode, &e.result.Signal, &e.code, &e.status)
	e.at = timeAt(completed)
	return e, err
}
