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

ALTER TABLE invocations ADD COLUMN asleep       INTEGER NOT NULL DEFAULT 0;  -- 1: start_at has not come; Take wakes the row

-- A row that sleeps is neither ready nor does it wait for a slot. So neither Take nor an
-- acceptance reads it before its time.
DROP INDEX invocations_ready;
DROP INDEX invocations_waiting_slots;
CREATE INDEX invocations_ready         ON invocations (job, id)          WHERE state IN ('accepted', 'queued') AND checked = 1 AND search_from = 0 AND parked = 0 AND asleep = 0;
CREATE INDEX invocations_waiting_slots ON invocations (slot, id)         WHERE state IN ('accepted', 'queued') AND slot <> '' AND asleep = 0;
CREATE INDEX invocations_later         ON invocations (asleep, start_at) WHERE state IN ('accepted', 'queued') AND start_at > 0;

CREATE INDEX invocations_by_source ON invocations (source, id) WHERE source <> '';
