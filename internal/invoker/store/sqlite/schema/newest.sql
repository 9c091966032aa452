-- Written by go test ./internal/invoker/store/sqlite -newest: do not edit.
CREATE TABLE twins (
  execution  TEXT    NOT NULL PRIMARY KEY, -- resource name
  invocation TEXT    NOT NULL,
  found      INTEGER NOT NULL,
  not_before INTEGER NOT NULL,             -- when Cloud Run is next asked to cancel it
  cancelled  INTEGER NOT NULL              -- 1: Cloud Run has taken that, or it had ended
) STRICT;

CREATE INDEX twins_by_invocation ON twins (invocation);

CREATE INDEX twins_due           ON twins (not_before) WHERE cancelled = 0;

CREATE TABLE buckets (
  name       TEXT    NOT NULL PRIMARY KEY,
  tokens     REAL    NOT NULL,
  filled     INTEGER NOT NULL, -- when tokens was right
  not_before INTEGER NOT NULL, -- nothing is taken before: Cloud Run has refused
  failures   INTEGER NOT NULL  -- in a row
) STRICT;

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
, key_keep     INTEGER NOT NULL DEFAULT 0, start_at     INTEGER NOT NULL DEFAULT 0, source       TEXT    NOT NULL DEFAULT '', source_event TEXT    NOT NULL DEFAULT '', rerun_of     TEXT    NOT NULL DEFAULT '', month        INTEGER NOT NULL DEFAULT 0, worst_vcpu   INTEGER NOT NULL DEFAULT 0, worst_memory INTEGER NOT NULL DEFAULT 0, worst_gpu    INTEGER NOT NULL DEFAULT 0, worst_money  INTEGER NOT NULL DEFAULT 0, usage        TEXT    NOT NULL DEFAULT '', history      TEXT    NOT NULL DEFAULT '', asleep       INTEGER NOT NULL DEFAULT 0, budget       TEXT    NOT NULL DEFAULT '', woken        INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE UNIQUE INDEX invocations_by_execution ON invocations (execution, execution_uid)
  WHERE execution IS NOT NULL AND (execution_uid <> '' OR finished = 0);

CREATE UNIQUE INDEX invocations_keys ON invocations (owner, key)      WHERE key IS NOT NULL;

CREATE INDEX invocations_by_owner    ON invocations (owner, id);

CREATE INDEX invocations_by_job      ON invocations (job, id);

CREATE INDEX invocations_by_state    ON invocations (state, id);

CREATE INDEX invocations_unchecked   ON invocations (id)              WHERE state IN ('accepted', 'queued') AND checked = 0 AND search_from = 0;

CREATE INDEX invocations_held_slots  ON invocations (slot, id)        WHERE state IN ('starting', 'running', 'unresolved') AND slot <> '';

CREATE INDEX invocations_watched     ON invocations (target, id)      WHERE watched = 1;

CREATE INDEX invocations_cancels     ON invocations (not_before)      WHERE state = 'running' AND cancel_at > 0;

CREATE INDEX invocations_ended       ON invocations (keep, finished)  WHERE finished > 0;

CREATE TABLE labels (
  owner      TEXT NOT NULL,
  name       TEXT NOT NULL,
  value      TEXT NOT NULL,
  invocation TEXT NOT NULL, month        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (owner, name, value, invocation)
) STRICT, WITHOUT ROWID;

CREATE INDEX labels_by_value ON labels (name, value, invocation);

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

CREATE TABLE endpoints (
  name          TEXT    NOT NULL PRIMARY KEY,
  failing_since INTEGER NOT NULL,
  disabled_at   INTEGER NOT NULL,
  reason        TEXT    NOT NULL
) STRICT;

CREATE INDEX invocations_ready         ON invocations (job, id)          WHERE state IN ('accepted', 'queued') AND checked = 1 AND search_from = 0 AND parked = 0 AND asleep = 0 AND budget = '';

CREATE INDEX invocations_parked        ON invocations (slot, id)         WHERE state IN ('accepted', 'queued') AND checked = 1 AND search_from = 0 AND parked = 1 AND budget = '';

CREATE INDEX invocations_waiting_slots ON invocations (slot, id)         WHERE state IN ('accepted', 'queued') AND slot <> '' AND asleep = 0;

CREATE INDEX invocations_later         ON invocations (asleep, start_at) WHERE state IN ('accepted', 'queued') AND start_at > 0;

CREATE INDEX invocations_woken         ON invocations (id)               WHERE state IN ('accepted', 'queued') AND budget <> '' AND checked = 1 AND search_from = 0 AND woken = 1;

CREATE INDEX invocations_reserving     ON invocations (month, job, principal, worst_vcpu, worst_memory, worst_money)
  WHERE month > 0 AND usage = '' AND (finished = 0 OR execution IS NOT NULL);

CREATE INDEX labels_reserving          ON labels (month, name, value, invocation) WHERE month > 0;

CREATE INDEX invocations_by_source ON invocations (source, id)   WHERE source <> '';

CREATE INDEX invocations_by_rerun  ON invocations (rerun_of, id) WHERE rerun_of <> '';

CREATE TABLE refused_events (
  id           TEXT    NOT NULL PRIMARY KEY, -- UUIDv7: sorts by the first arrival
  trigger_name TEXT    NOT NULL,
  job          TEXT    NOT NULL,             -- that the trigger starts
  event        TEXT    NOT NULL,             -- identity at its source; empty: it has none
  caller       TEXT    NOT NULL,             -- name of the sender
  received     INTEGER NOT NULL,             -- the first time
  seen         INTEGER NOT NULL,             -- number of arrivals
  code         TEXT    NOT NULL,             -- canonical name
  message      TEXT    NOT NULL,
  content_type TEXT    NOT NULL,
  header       TEXT    NOT NULL,             -- JSON object of what decoding needs; empty: nothing
  body         BLOB    NOT NULL,             -- empty if it was too long
  size         INTEGER NOT NULL,             -- of the body as it arrived
  retried      TEXT    NOT NULL,             -- invocation that was started for it after all; empty: none
  ended        INTEGER NOT NULL              -- 0: it waits for a retry
) STRICT;

CREATE UNIQUE INDEX refused_events_by_event ON refused_events (trigger_name, event) WHERE event <> '';

CREATE INDEX refused_events_waiting         ON refused_events (trigger_name, id)    WHERE ended = 0;

CREATE INDEX refused_events_by_trigger      ON refused_events (trigger_name, id);

CREATE INDEX refused_events_by_age           ON refused_events (received);

CREATE INDEX refused_events_by_retry        ON refused_events (retried)             WHERE retried <> '';

CREATE INDEX invocations_unfinished ON invocations (source, id) WHERE source <> '' AND finished = 0;

CREATE TABLE schedules (
  name    TEXT    NOT NULL PRIMARY KEY,
  spec    BLOB    NOT NULL,             -- JSON, if the API has made it; empty: the configuration has it
  timing  TEXT    NOT NULL,             -- cron line and zone to which the cursor belongs
  paused  INTEGER NOT NULL,
  cursor  INTEGER NOT NULL,             -- latest slot that was handled
  last    TEXT    NOT NULL,             -- JSON: what became of it; empty: there was none
  counts  TEXT    NOT NULL,             -- JSON: slots by their result
  version INTEGER NOT NULL              -- grows with every change
) STRICT;

CREATE INDEX invocations_unsettled ON invocations (finished) WHERE finished > 0 AND execution IS NOT NULL AND usage = '';

CREATE TABLE usage (
  id          INTEGER NOT NULL PRIMARY KEY,
  month       INTEGER NOT NULL, -- 202611 is November 2026: that of the reservation
  day         INTEGER NOT NULL, -- 20261128
  job         TEXT    NOT NULL,
  principal   TEXT    NOT NULL, -- name of the caller
  owner       TEXT    NOT NULL, -- hash of that name
  labels      TEXT    NOT NULL, -- JSON object with sorted names; empty: none
  invocations INTEGER NOT NULL,
  tasks       INTEGER NOT NULL,
  vcpu        INTEGER NOT NULL, -- thousandths of vCPU-seconds,
  memory      INTEGER NOT NULL, -- of GiB-seconds,
  gpu         INTEGER NOT NULL, -- of seconds of a GPU,
  money       INTEGER NOT NULL, -- and billionths of US dollars
  UNIQUE (month, job, owner, day, labels)
) STRICT;

CREATE TABLE usage_labels (
  name  TEXT    NOT NULL,
  value TEXT    NOT NULL,
  month INTEGER NOT NULL,
  usage INTEGER NOT NULL,
  PRIMARY KEY (name, value, month, usage)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_sums (
  month     INTEGER NOT NULL,
  name      TEXT    NOT NULL, -- of the label; empty: all invocations
  value     TEXT    NOT NULL,
  job       TEXT    NOT NULL,
  principal TEXT    NOT NULL,
  vcpu      INTEGER NOT NULL,
  memory    INTEGER NOT NULL,
  money     INTEGER NOT NULL,
  PRIMARY KEY (month, name, value, job, principal)
) STRICT, WITHOUT ROWID;

CREATE INDEX invocations_by_owner_job ON invocations (owner, job, id);

CREATE INDEX invocations_ended_by_job   ON invocations (job, state, id)        WHERE state IN ('succeeded', 'failed', 'cancelled', 'refused');

CREATE INDEX invocations_ended_by_owner ON invocations (owner, job, state, id) WHERE state IN ('succeeded', 'failed', 'cancelled', 'refused');

CREATE INDEX invocations_held            ON invocations (budget, asleep, id)      WHERE state IN ('accepted', 'queued') AND budget <> '';

CREATE INDEX invocations_outstanding     ON invocations (state, asleep)           WHERE finished = 0;

CREATE INDEX refused_events_settled      ON refused_events (trigger_name, id)     WHERE ended > 0;

CREATE INDEX deliveries_by_endpoint_state ON deliveries (endpoint, state, seq);
