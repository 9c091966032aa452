-- Times are microseconds since 1970 in UTC; 0 is none.
ALTER TABLE invocations ADD COLUMN key_keep     INTEGER NOT NULL DEFAULT 0;  -- microseconds that the key is kept after the acceptance; 0: the default
ALTER TABLE invocations ADD COLUMN start_at     INTEGER NOT NULL DEFAULT 0;  -- earliest start, by the request
ALTER TABLE invocations ADD COLUMN source       TEXT    NOT NULL DEFAULT ''; -- what started it: trigger/NAME or schedule/NAME; empty: a caller
ALTER TABLE invocations ADD COLUMN source_event TEXT    NOT NULL DEFAULT ''; -- identity of the trigger's event, or time of the schedule's slot
ALTER TABLE invocations ADD COLUMN rerun_of     TEXT    NOT NULL DEFAULT ''; -- the invocation that it runs again
ALTER TABLE invocations ADD COLUMN month        INTEGER NOT NULL DEFAULT 0;  -- whose budgets it uses: 202611 is November 2026; 0: none yet
ALTER TABLE invocations ADD COLUMN worst_vcpu   INTEGER NOT NULL DEFAULT 0;  -- what it may use at most: thousandths of vCPU-seconds,
ALTER TABLE invocations ADD COLUMN worst_memory INTEGER NOT NULL DEFAULT 0;  -- of GiB-seconds,
ALTER TABLE invocations ADD COLUMN worst_gpu    INTEGER NOT NULL DEFAULT 0;  -- of seconds of a GPU,
ALTER TABLE invocations ADD COLUMN worst_money  INTEGER NOT NULL DEFAULT 0;  -- and billionths of US dollars
ALTER TABLE invocations ADD COLUMN usage        TEXT    NOT NULL DEFAULT ''; -- what it has used, in the JSON of the API; empty: not known yet
ALTER TABLE invocations ADD COLUMN history      TEXT    NOT NULL DEFAULT ''; -- how it came to its state, one step a line; empty: it has not moved since, or an earlier version has moved it

ALTER TABLE invocations ADD COLUMN asleep       INTEGER NOT NULL DEFAULT 0;  -- 1: start_at has not come; Take wakes the row
ALTER TABLE invocations ADD COLUMN budget       TEXT    NOT NULL DEFAULT ''; -- scope of the budget for which it waits; empty: none
ALTER TABLE invocations ADD COLUMN woken        INTEGER NOT NULL DEFAULT 0;  -- 1: that budget may have room for it
ALTER TABLE labels      ADD COLUMN month        INTEGER NOT NULL DEFAULT 0;  -- of an invocation that reserves; 0: it does not, or no longer

-- A row that sleeps is neither ready nor does it wait for a slot. So neither Take nor an
-- acceptance reads it before its time.
DROP INDEX invocations_ready;
DROP INDEX invocations_parked;
DROP INDEX invocations_waiting_slots;
CREATE INDEX invocations_ready         ON invocations (job, id)          WHERE state IN ('accepted', 'queued') AND checked = 1 AND search_from = 0 AND parked = 0 AND asleep = 0 AND budget = '';
CREATE INDEX invocations_parked        ON invocations (slot, id)         WHERE state IN ('accepted', 'queued') AND checked = 1 AND search_from = 0 AND parked = 1 AND budget = '';
CREATE INDEX invocations_waiting_slots ON invocations (slot, id)         WHERE state IN ('accepted', 'queued') AND slot <> '' AND asleep = 0;
CREATE INDEX invocations_later         ON invocations (asleep, start_at) WHERE state IN ('accepted', 'queued') AND start_at > 0;

-- The rows that wait for a budget, and those of them that Take looks at.
CREATE INDEX invocations_held          ON invocations (budget, id)       WHERE state IN ('accepted', 'queued') AND budget <> '';
CREATE INDEX invocations_woken         ON invocations (id)               WHERE state IN ('accepted', 'queued') AND budget <> '' AND checked = 1 AND search_from = 0 AND woken = 1;
-- The worst cases that count. labels_reserving finds those of a label's value.
CREATE INDEX invocations_reserving     ON invocations (month, job, principal, worst_vcpu, worst_memory, worst_money)
  WHERE month > 0 AND usage = '' AND (finished = 0 OR execution IS NOT NULL);
CREATE INDEX labels_reserving          ON labels (month, name, value, invocation) WHERE month > 0;

CREATE INDEX invocations_by_source ON invocations (source, id)   WHERE source <> '';
CREATE INDEX invocations_by_rerun  ON invocations (rerun_of, id) WHERE rerun_of <> '';

-- Events that triggers have refused. Accepted ones are rows of invocations with their source.
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

-- The state of schedules.
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

-- What invocations have used, by estimate. It outlives the invocations. Each row is the sum
-- over all with the same month, job, caller, day and labels; the transaction that settles an
-- invocation adds to it.
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

-- The labels of these rows.
CREATE TABLE usage_labels (
  name  TEXT    NOT NULL,
  value TEXT    NOT NULL,
  month INTEGER NOT NULL,
  usage INTEGER NOT NULL,
  PRIMARY KEY (name, value, month, usage)
) STRICT, WITHOUT ROWID;

-- The same sums by what budgets count: by each label, and with an empty name by none. A budget
-- reads few rows here, also if every invocation has a label value of its own.
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
