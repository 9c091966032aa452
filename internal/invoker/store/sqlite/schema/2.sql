-- Times are microseconds since 1970 in UTC; 0 is none.
ALTER TABLE invocations ADD COLUMN owner       TEXT    NOT NULL DEFAULT ''; -- hash of the caller
ALTER TABLE invocations ADD COLUMN key         TEXT;                        -- hash of the caller's Idempotency-Key; NULL: none, or expired
ALTER TABLE invocations ADD COLUMN fingerprint TEXT    NOT NULL DEFAULT ''; -- of the caller's request, by field
ALTER TABLE invocations ADD COLUMN slot        TEXT    NOT NULL DEFAULT ''; -- concurrency key; empty: not bounded
ALTER TABLE invocations ADD COLUMN job_uid     TEXT    NOT NULL DEFAULT ''; -- of the job that it was held against
ALTER TABLE invocations ADD COLUMN search_from INTEGER NOT NULL DEFAULT 0;  -- not found counts in a list that began then or later; 0: no search
ALTER TABLE invocations ADD COLUMN watch_until INTEGER NOT NULL DEFAULT 0;  -- lists are read for late twins until then
ALTER TABLE invocations ADD COLUMN cancel_at   INTEGER NOT NULL DEFAULT 0;  -- when it was asked to be cancelled
ALTER TABLE invocations ADD COLUMN watched     INTEGER NOT NULL DEFAULT 0;  -- 1: running, searched for or watched for twins

UPDATE invocations SET watched = 1 WHERE state = 'running';

DROP INDEX invocations_queue;

CREATE UNIQUE INDEX invocations_keys   ON invocations (owner, key)  WHERE key IS NOT NULL;
CREATE INDEX invocations_waiting       ON invocations (id)          WHERE state IN ('accepted', 'queued');
CREATE INDEX invocations_waiting_slots ON invocations (slot, id)    WHERE state IN ('accepted', 'queued') AND slot <> '';
CREATE INDEX invocations_held_slots    ON invocations (slot, id)    WHERE state IN ('starting', 'running', 'unresolved') AND slot <> '';
CREATE INDEX invocations_watched       ON invocations (job, id)     WHERE watched = 1;
CREATE INDEX invocations_cancels       ON invocations (not_before)  WHERE state = 'running' AND cancel_at > 0;
CREATE INDEX invocations_ended         ON invocations (finished)    WHERE finished > 0;

-- Executions that carry the mark of an invocation which has another one.
CREATE TABLE twins (
  execution  TEXT    NOT NULL PRIMARY KEY, -- resource name
  invocation TEXT    NOT NULL,
  found      INTEGER NOT NULL,
  not_before INTEGER NOT NULL,             -- when Cloud Run is next asked to cancel it
  cancelled  INTEGER NOT NULL              -- 1: Cloud Run has taken that, or it had ended
) STRICT;

CREATE INDEX twins_by_invocation ON twins (invocation);
CREATE INDEX twins_due           ON twins (not_before) WHERE cancelled = 0;

-- Token buckets: what may still be asked of Cloud Run.
CREATE TABLE buckets (
  name       TEXT    NOT NULL PRIMARY KEY,
  tokens     REAL    NOT NULL,
  filled     INTEGER NOT NULL, -- when tokens was right
  not_before INTEGER NOT NULL, -- nothing is taken before: Cloud Run has refused
  failures   INTEGER NOT NULL  -- in a row
) STRICT;
