-- Times are microseconds since 1970 in UTC; 0 is none.
--
-- The table is made anew, because SQLite cannot drop the constraint that no two rows have
-- an execution with the same name. Cloud Run may use the name of a deleted execution again.
ALTER TABLE invocations RENAME TO invocations_2;

CREATE TABLE invocations (
  id            TEXT    NOT NULL PRIMARY KEY, -- UUIDv7: sorts by time of acceptance
  job           TEXT    NOT NULL,             -- the caller's name for it
  target        TEXT    NOT NULL,             -- Cloud Run job: an ID, or a full resource name
  state         TEXT    NOT NULL,
  version       INTEGER NOT NULL,             -- grows with every change
  principal     TEXT    NOT NULL,             -- name of the caller; empty: the anonymous one, or the local user
  owner         TEXT    NOT NULL,             -- hash of that name
  key           TEXT,                         -- hash of the caller's Idempotency-Key; NULL: none, or expired
  fingerprint   TEXT    NOT NULL,             -- of the caller's request, by field
  slot          TEXT    NOT NULL,             -- concurrency key; empty: not bounded
  slot_limit    INTEGER NOT NULL,             -- number of slots of that key; 0: not bounded
  parked        INTEGER NOT NULL,             -- 1: waits, and the slots were taken when the dispatcher looked
  keep          INTEGER NOT NULL,             -- microseconds that it is kept after its end; 0: the default

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
  error_tasks   TEXT    NOT NULL,             -- what else is known of the failure, in the JSON of the API; empty: nothing

  labels        TEXT    NOT NULL,             -- JSON object; empty: none
  subscribers   TEXT    NOT NULL,             -- JSON list of the endpoints that hear of it; empty: none
  trace         TEXT    NOT NULL,             -- traceparent for the job; empty: none
  request       TEXT    NOT NULL              -- what the caller sent, as JSON; empty: unknown
) STRICT;

-- The order of the rows shows which was accepted last. An earlier schema has no limits of
-- slots: one is the strictest.
INSERT INTO invocations
SELECT id, job, job, state, version, '', owner, key, fingerprint, slot, slot <> '', 0, 0,
  overrides, checked, job_uid, not_before, lease_until, postponed, search_from, watch_until, cancel_at, watched,
  execution, '', '', attempts, created, started, finished,
  tasks, running, succeeded, failed, cancelled, retried, 0, error_code, error_message, '', '', '', '', ''
FROM invocations_2 ORDER BY rowid;

DROP TABLE invocations_2;

-- An execution belongs to one invocation. One whose UID is unknown belongs to it only until
-- the invocation has ended, because its name may then be used again.
CREATE UNIQUE INDEX invocations_by_execution ON invocations (execution, execution_uid)
  WHERE execution IS NOT NULL AND (execution_uid <> '' OR finished = 0);

CREATE UNIQUE INDEX invocations_keys ON invocations (owner, key)      WHERE key IS NOT NULL;
CREATE INDEX invocations_by_owner    ON invocations (owner, id);
CREATE INDEX invocations_by_job      ON invocations (job, id);
CREATE INDEX invocations_by_state    ON invocations (state, id);
CREATE INDEX invocations_ready       ON invocations (job, id)         WHERE state IN ('accepted', 'queued') AND checked = 1 AND search_from = 0 AND parked = 0;
CREATE INDEX invocations_parked      ON invocations (slot, id)        WHERE state IN ('accepted', 'queued') AND checked = 1 AND search_from = 0 AND parked = 1;
CREATE INDEX invocations_unchecked   ON invocations (id)              WHERE state IN ('accepted', 'queued') AND checked = 0 AND search_from = 0;
CREATE INDEX invocations_waiting_slots ON invocations (slot, id)      WHERE state IN ('accepted', 'queued') AND slot <> '';
CREATE INDEX invocations_held_slots  ON invocations (slot, id)        WHERE state IN ('starting', 'running', 'unresolved') AND slot <> '';
CREATE INDEX invocations_watched     ON invocations (target, id)      WHERE watched = 1;
CREATE INDEX invocations_cancels     ON invocations (not_before)      WHERE state = 'running' AND cancel_at > 0;
CREATE INDEX invocations_ended       ON invocations (keep, finished)  WHERE finished > 0;

-- The labels of invocations, to find these by. The owner stands first, so that a caller's own
-- ones are found among those of all others; the index is for who may see all.
CREATE TABLE labels (
  owner      TEXT NOT NULL,
  name       TEXT NOT NULL,
  value      TEXT NOT NULL,
  invocation TEXT NOT NULL,
  PRIMARY KEY (owner, name, value, invocation)
) STRICT, WITHOUT ROWID;

CREATE INDEX labels_by_value ON labels (name, value, invocation);

-- Events of invocations for endpoints, one row each. The transaction of the event inserts it.
CREATE TABLE deliveries (
  seq          INTEGER NOT NULL PRIMARY KEY, -- in the order of insertion
  id           TEXT    NOT NULL UNIQUE,
  invocation   TEXT    NOT NULL,
  job          TEXT    NOT NULL,
  principal    TEXT    NOT NULL,             -- name of the caller
  endpoint     TEXT    NOT NULL,
  url          TEXT    NOT NULL,             -- if the request named it
  lane         TEXT    NOT NULL,             -- endpoint, and host of the url
  event        TEXT    NOT NULL,
  payload      BLOB    NOT NULL,             -- JSON
  state        TEXT    NOT NULL,
  attempts     INTEGER NOT NULL,
  created      INTEGER NOT NULL,
  next_attempt INTEGER NOT NULL,             -- 0: at once
  lease        INTEGER NOT NULL,             -- an attempt is under way, and has ended by then; 0: none is
  due          INTEGER NOT NULL,             -- the later one of the two
  ended        INTEGER NOT NULL,
  last_status  INTEGER NOT NULL,
  last_error   TEXT    NOT NULL
) STRICT;

CREATE INDEX deliveries_due           ON deliveries (lane, due, seq) WHERE state = 'pending';
CREATE INDEX deliveries_leased        ON deliveries (lane, lease)    WHERE state = 'pending' AND lease > 0;
CREATE INDEX deliveries_by_invocation ON deliveries (invocation, seq);
CREATE INDEX deliveries_by_endpoint   ON deliveries (endpoint, seq);
CREATE INDEX deliveries_by_state      ON deliveries (state, seq);

-- The health of what receives deliveries, by lane.
CREATE TABLE endpoints (
  name          TEXT    NOT NULL PRIMARY KEY,
  failing_since INTEGER NOT NULL,
  disabled_at   INTEGER NOT NULL,
  reason        TEXT    NOT NULL
) STRICT;
