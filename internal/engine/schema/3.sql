-- The platform's log lines, such as "Container called exit(0).", are derived from how
-- attempts ended, and are not stored. The row of a task keeps the end of its last
-- attempt. An attempt that a retry followed has a row of its own.

-- Of the task's last attempt: 1 if it ran, 0 if it could not be started. NULL if it has
-- not ended, or ended before this schema: its lines are then in the execution's log.
ALTER TABLE tasks ADD COLUMN ran INTEGER;

-- Before this schema, a single task that succeeded at once and printed nothing had no
-- log. If there is a log, the line in it gives way to the derived one.
UPDATE tasks SET ran = 1 WHERE state = 'succeeded' AND execution IN (
  SELECT id FROM executions WHERE state = 'succeeded' AND tasks = 1 AND retried = 0);

CREATE TABLE attempts (
  execution   INTEGER NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
  task        INTEGER NOT NULL,           -- index, from 0
  attempt     INTEGER NOT NULL,
  completed   INTEGER NOT NULL,
  ran         INTEGER NOT NULL,           -- as of a task
  exit_code   INTEGER NOT NULL,
  term_signal INTEGER NOT NULL,
  status_code INTEGER NOT NULL,
  status      TEXT    NOT NULL,
  PRIMARY KEY (execution, task, attempt)
) STRICT, WITHOUT ROWID;

-- How often a task was interrupted, because the engine or its machine stopped.
ALTER TABLE executions ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0;

-- The interrupted attempts that were placed again, for their log lines.
CREATE TABLE interruptions (
  execution   INTEGER NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
  task        INTEGER NOT NULL,           -- index, from 0
  attempt     INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,           -- that was lost
  at          INTEGER NOT NULL,           -- when the engine noticed
  PRIMARY KEY (execution, task, attempt, incarnation)
) STRICT, WITHOUT ROWID;
