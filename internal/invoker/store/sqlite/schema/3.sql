-- Times are microseconds since 1970 in UTC; 0 is none.
--
-- The table is made anew, because SQLite cannot drop the constraint that no two rows have
-- an execution with the same name. Cloud Run may use the name of a deleted execution again.
ALTER TABLE invocations RENAME TO invocations_2;

CREATE TABLE invocations (
  id            TEXT    NOT NULL PRIMARY KEY, -- UUIDv7: sorts by time of acceptance
  job           TEXT    NOT NULL,
  state         TEXT    NOT NULL,
  version       INTEGER NOT NULL,             -- grows with every change
  principal     TEXT    NOT NULL,             -- who made the request; empty: the anonymous one, or the local user
  owner         TEXT    NOT NULL,             -- hash of the caller
  key           TEXT,                         -- hash of the caller's Idempotency-Key; NULL: none, or expired
  fingerprint   TEXT    NOT NULL,             -- of the caller's request, by field
  slot          TEXT    NOT NULL,             -- concurrency key; empty: not bounded

  overrides     BLOB    NOT NULL,             -- google.cloud.run.v2.RunJobRequest.Overrides
  checked       INTEGER NOT NULL,             -- 1: held against the job, and the overrides carry the marker
  job_uid       TEXT    NOT NULL,             -- of the job that it was held against
  not_before    INTEGER NOT NULL,             -- accepted: when it may be dispatched
  lease_until   INTEGER NOT NULL,             -- accepted, starting: a dispatcher has it, and its call ends by then
  postponed     INTEGER NOT NULL,             -- times it went back to the queue
  search_from   INTEGER NOT NULL,             -- not found counts in a list that began then or later; 0: no search
  watch_until   INTEGER NOT NULL,             -- lists are read for late twins until then
  cancel_at     INTEGER NOT NULL,             -- when it was asked to be cancelled
  watched       INTEGER NOT NULL,             -- 1: running, searched for or watched for twins

  execution     TEXT,                         -- resource name; once set, for good
  execution_uid TEXT    NOT NULL,             -- of that execution; empty: unknown
  operation     TEXT    NOT NULL,             -- resource name of the run's operation; empty: unknown
  attempts      INTEGER NOT NULL,
  created       INTEGER NOT NULL,
  started       INTEGER NOT NULL,
  finished      INTEGER NOT NULL,
  tasks         INTEGER NOT NULL,
  running       INTEGER NOT NULL,
  succeeded     INTEGER NOT NULL,
  failed        INTEGER NOT NULL,
  cancelled     INTEGER NOT NULL,
  retried       INTEGER NOT NULL,
  interrupted   INTEGER NOT NULL,             -- times that a task ran when the engine or its machine stopped
  error_code    TEXT    NOT NULL,             -- canonical name; empty: no error
  error_message TEXT    NOT NULL,
  error_tasks   TEXT    NOT NULL              -- failed tasks, in the JSON of the API; empty: unknown, or none
) STRICT;

-- The order of the rows shows which was accepted last.
INSERT INTO invocations
SELECT id, job, state, version, '', owner, key, fingerprint, slot,
  overrides, checked, job_uid, not_before, lease_until, postponed, search_from, watch_until, cancel_at, watched,
  execution, '', '', attempts, created, started, finished,
  tasks, running, succeeded, failed, cancelled, retried, 0, error_code, error_message, ''
FROM invocations_2 ORDER BY rowid;

DROP TABLE invocations_2;

-- An execution belongs to one invocation. One whose UID is unknown belongs to it only until
-- the invocation has ended, because its name may then be used again.
CREATE UNIQUE INDEX invocations_by_execution ON invocations (execution, execution_uid)
  WHERE execution IS NOT NULL AND (execution_uid <> '' OR finished = 0);

CREATE UNIQUE INDEX invocations_keys   ON invocations (owner, key)  WHERE key IS NOT NULL;
CREATE INDEX invocations_by_job        ON invocations (job, id);
CREATE INDEX invocations_by_state      ON invocations (state, id);
CREATE INDEX invocations_waiting       ON invocations (id)          WHERE state IN ('accepted', 'queued');
CREATE INDEX invocations_waiting_slots ON invocations (slot, id)    WHERE state IN ('accepted', 'queued') AND slot <> '';
CREATE INDEX invocations_held_slots    ON invocations (slot, id)    WHERE state IN ('starting', 'running', 'unresolved') AND slot <> '';
CREATE INDEX invocations_watched       ON invocations (job, id)     WHERE watched = 1;
CREATE INDEX invocations_cancels       ON invocations (not_before)  WHERE state = 'running' AND cancel_at > 0;
CREATE INDEX invocations_ended         ON invocations (finished)    WHERE finished > 0;
