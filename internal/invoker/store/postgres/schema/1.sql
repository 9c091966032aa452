-- A time of 1970-01-01 00:00 UTC is none. Texts are compared by their bytes, whatever the locale of
-- the database is; so no other version of the operating system sorts an index differently.

CREATE TABLE invocations (
  id            text COLLATE "C" PRIMARY KEY,    -- UUIDv7: sorts by time of acceptance
  job           text COLLATE "C" NOT NULL,       -- the caller's name for it
  target        text COLLATE "C" NOT NULL,       -- Cloud Run job: an ID, or a full resource name
  state         text COLLATE "C" NOT NULL,
  version       bigint           NOT NULL,       -- grows with every change
  principal     text COLLATE "C" NOT NULL,       -- name of the caller; empty: the anonymous one, or the local user
  owner         text COLLATE "C" NOT NULL,       -- hash of that name
  key           text COLLATE "C",                        -- hash of the caller's Idempotency-Key; NULL: none, or expired
  key_keep      bigint           NOT NULL,       -- microseconds that the key is kept after the acceptance; 0: the default
  fingerprint   text COLLATE "C" NOT NULL,       -- of the caller's request, by field
  slot          text COLLATE "C" NOT NULL,       -- concurrency key; empty: not bounded
  slot_limit    integer          NOT NULL,       -- number of slots of that key; 0: not bounded
  parked        boolean          NOT NULL,       -- it waits, and the slots were taken when a dispatcher looked
  keep          bigint           NOT NULL,       -- microseconds that it is kept after its end; 0: the default

  created       timestamptz      NOT NULL,
  labels        text COLLATE "C" NOT NULL,       -- JSON object; empty: none
  subscribers   text COLLATE "C" NOT NULL,       -- JSON list of the endpoints that hear of it; empty: none
  trace         text COLLATE "C" NOT NULL,       -- traceparent for the job; empty: none
  request       text COLLATE "C" NOT NULL,       -- what the caller sent, as JSON; empty: unknown
  start_at      timestamptz      NOT NULL,       -- earliest start, by the request
  source        text COLLATE "C" NOT NULL,       -- what started it: trigger/NAME or schedule/NAME; empty: a caller
  source_event  text COLLATE "C" NOT NULL,       -- identity of the trigger's event, or time of the schedule's slot
  rerun_of      text COLLATE "C" NOT NULL,       -- the invocation that it runs again
  usage         text COLLATE "C" NOT NULL,       -- what it has used, in the JSON of the API; empty: not known yet
  asleep        boolean          NOT NULL,       -- start_at has not come; a dispatcher wakes the row
  budget        text COLLATE "C" NOT NULL,       -- scope of the budget for which it waits; empty: none
  woken         boolean          NOT NULL,       -- that budget may have room for it

  overrides     bytea            NOT NULL,       -- google.cloud.run.v2.RunJobRequest.Overrides
  checked       boolean          NOT NULL,       -- it was held against the job, and the overrides carry the marker
  job_uid       text COLLATE "C" NOT NULL,       -- of the job that it was held against
  not_before    timestamptz      NOT NULL,       -- when it may be dispatched, or its cancel be sent
  lease_until   timestamptz      NOT NULL,       -- a dispatcher has it, and its call ends by then
  postponed     integer          NOT NULL,       -- times it went back to the queue
  search_from   timestamptz      NOT NULL,       -- not found counts in a list that began then or later; none: no search
  watch_until   timestamptz      NOT NULL,       -- lists are read for late twins until then
  cancel_at     timestamptz      NOT NULL,       -- when it was asked to be cancelled
  watched       boolean          NOT NULL,       -- running, searched for or watched for twins

  execution     text COLLATE "C",                        -- resource name; once set, for good
  execution_uid text COLLATE "C" NOT NULL,       -- of that execution; empty: unknown
  operation     text COLLATE "C" NOT NULL,       -- resource name of the run's operation; empty: unknown
  attempts      integer          NOT NULL,
  started       timestamptz      NOT NULL,
  finished      timestamptz      NOT NULL,
  tasks         integer          NOT NULL,
  running       integer          NOT NULL,
  succeeded     integer          NOT NULL,
  failed        integer          NOT NULL,
  cancelled     integer          NOT NULL,
  retried       integer          NOT NULL,
  interrupted   integer          NOT NULL,       -- times that a task ran when the engine or its machine stopped
  error_code    text COLLATE "C" NOT NULL,       -- canonical name; empty: no error
  error_message text COLLATE "C" NOT NULL,
  error_detail  text COLLATE "C" NOT NULL,       -- what else is known of the failure, in the JSON of the API; empty: nothing
  month         integer          NOT NULL,       -- whose budgets it uses: 202611 is November 2026; 0: none yet
  worst_vcpu    bigint           NOT NULL,       -- what it may use at most: thousandths of vCPU-seconds,
  worst_memory  bigint           NOT NULL,       -- of GiB-seconds,
  worst_gpu     bigint           NOT NULL,       -- of seconds of a GPU,
  worst_money   bigint           NOT NULL,       -- and billionths of US dollars
  history       text COLLATE "C" NOT NULL        -- how it came to its state, one step a line
);

-- An execution belongs to one invocation. One whose UID is unknown belongs to it only until
-- the invocation has ended, because its name may then be used again.
CREATE UNIQUE INDEX invocations_by_execution ON invocations (execution, execution_uid)
  WHERE execution IS NOT NULL AND (execution_uid <> '' OR finished = 'epoch');
CREATE UNIQUE INDEX invocations_keys   ON invocations (owner, key) WHERE key IS NOT NULL;

-- Lists.
CREATE INDEX invocations_by_owner      ON invocations (owner, id);
CREATE INDEX invocations_by_job        ON invocations (job, id);
CREATE INDEX invocations_by_state      ON invocations (state, id);
CREATE INDEX invocations_by_source     ON invocations (source, id)   WHERE source <> '';
CREATE INDEX invocations_unfinished    ON invocations (source, id)   WHERE source <> '' AND finished = 'epoch';
CREATE INDEX invocations_by_rerun      ON invocations (rerun_of, id) WHERE rerun_of <> '';

-- The queue. Each of these has only rows that are live.
CREATE INDEX invocations_ready         ON invocations (job, id)      WHERE state IN ('accepted', 'queued') AND checked AND search_from = 'epoch' AND NOT parked AND NOT asleep AND budget = '';
CREATE INDEX invocations_parked        ON invocations (slot, id)     WHERE state IN ('accepted', 'queued') AND checked AND search_from = 'epoch' AND parked AND budget = '';
CREATE INDEX invocations_unchecked     ON invocations (id)           WHERE state IN ('accepted', 'queued') AND NOT checked AND search_from = 'epoch';
CREATE INDEX invocations_waiting_slots ON invocations (slot, id)     WHERE state IN ('accepted', 'queued') AND slot <> '' AND NOT asleep;
CREATE INDEX invocations_held_slots    ON invocations (slot, id)     WHERE state IN ('starting', 'running', 'unresolved') AND slot <> '';
CREATE INDEX invocations_later         ON invocations (asleep, start_at) WHERE state IN ('accepted', 'queued') AND start_at > 'epoch';
CREATE INDEX invocations_held          ON invocations (budget, id)   WHERE state IN ('accepted', 'queued') AND budget <> '';
CREATE INDEX invocations_woken         ON invocations (id)           WHERE state IN ('accepted', 'queued') AND budget <> '' AND checked AND search_from = 'epoch' AND woken;
CREATE INDEX invocations_calling       ON invocations (lease_until)  WHERE state = 'starting' AND search_from = 'epoch';
CREATE INDEX invocations_watched       ON invocations (target, id)   WHERE watched;
CREATE INDEX invocations_watched_until ON invocations (watch_until)  WHERE watched AND watch_until > 'epoch';
CREATE INDEX invocations_cancels       ON invocations (not_before)   WHERE state = 'running' AND cancel_at > 'epoch';

-- What has ended.
CREATE INDEX invocations_ended         ON invocations (keep, finished) WHERE finished > 'epoch';
CREATE INDEX invocations_unsettled     ON invocations (finished)     WHERE finished > 'epoch' AND execution IS NOT NULL AND usage = '';
CREATE INDEX invocations_reserving     ON invocations (month, job, principal)
  WHERE month > 0 AND usage = '' AND (finished = 'epoch' OR execution IS NOT NULL);

-- The labels of invocations, to find these by.
CREATE TABLE labels (
  owner      text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL,
  value      text COLLATE "C" NOT NULL,
  invocation text COLLATE "C" NOT NULL,
  month      integer          NOT NULL, -- of an invocation that reserves; 0: it does not, or no longer
  PRIMARY KEY (owner, name, value, invocation)
);

CREATE INDEX labels_by_value      ON labels (name, value, invocation);
CREATE INDEX labels_by_invocation ON labels (invocation);
CREATE INDEX labels_reserving     ON labels (month, name, value, invocation) WHERE month > 0;

-- Executions that carry the mark of an invocation which has another one.
CREATE TABLE twins (
  execution  text COLLATE "C" PRIMARY KEY, -- resource name
  invocation text COLLATE "C" NOT NULL,
  found      timestamptz      NOT NULL,
  not_before timestamptz      NOT NULL,    -- when Cloud Run is next asked to cancel it
  cancelled  boolean          NOT NULL     -- Cloud Run has taken that, or it had ended
);

CREATE INDEX twins_by_invocation ON twins (invocation);
CREATE INDEX twins_due           ON twins (not_before) WHERE NOT cancelled;

-- Token buckets: what may still be asked of Cloud Run.
CREATE TABLE buckets (
  name       text COLLATE "C" PRIMARY KEY,
  tokens     double precision NOT NULL,
  filled     timestamptz      NOT NULL, -- when tokens was right
  not_before timestamptz      NOT NULL, -- nothing is taken before: Cloud Run has refused
  failures   integer          NOT NULL  -- in a row
);

-- Events of invocations for endpoints, one row each. The transaction of the event inserts it.
CREATE TABLE deliveries (
  seq          bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- about the order of insertion
  id           text COLLATE "C" NOT NULL UNIQUE,
  invocation   text COLLATE "C" NOT NULL,
  job          text COLLATE "C" NOT NULL,
  principal    text COLLATE "C" NOT NULL, -- name of the caller
  endpoint     text COLLATE "C" NOT NULL,
  url          text COLLATE "C" NOT NULL, -- if the request named it
  lane         text COLLATE "C" NOT NULL, -- endpoint, and host of the url
  event        text COLLATE "C" NOT NULL,
  payload      bytea            NOT NULL, -- JSON
  state        text COLLATE "C" NOT NULL,
  attempts     integer          NOT NULL,
  created      timestamptz      NOT NULL,
  next_attempt timestamptz      NOT NULL, -- none: at once
  lease        timestamptz      NOT NULL, -- an attempt is under way, and has ended by then; none: none is
  due          timestamptz      NOT NULL, -- the later one of the two
  ended        timestamptz      NOT NULL,
  last_status  integer          NOT NULL,
  last_error   text COLLATE "C" NOT NULL
);

CREATE INDEX deliveries_due           ON deliveries (lane, due, seq) WHERE state = 'pending';
CREATE INDEX deliveries_leased        ON deliveries (lane, lease)    WHERE state = 'pending' AND lease > 'epoch';
CREATE INDEX deliveries_by_invocation ON deliveries (invocation, seq);
CREATE INDEX deliveries_by_endpoint   ON deliveries (endpoint, state, seq);

-- The health of what receives deliveries, by lane.
CREATE TABLE endpoints (
  name          text COLLATE "C" PRIMARY KEY,
  failing_since timestamptz      NOT NULL,
  disabled_at   timestamptz      NOT NULL,
  reason        text COLLATE "C" NOT NULL
);

-- Events that triggers have refused. Accepted ones are rows of invocations with their source.
CREATE TABLE refused_events (
  id           text COLLATE "C" PRIMARY KEY, -- UUIDv7: sorts by the first arrival
  trigger_name text COLLATE "C" NOT NULL,
  job          text COLLATE "C" NOT NULL,    -- that the trigger starts
  event        text COLLATE "C" NOT NULL,    -- identity at its source; empty: it has none
  caller       text COLLATE "C" NOT NULL,    -- name of the sender
  received     timestamptz      NOT NULL,    -- the first time
  seen         bigint           NOT NULL,    -- number of arrivals
  code         text COLLATE "C" NOT NULL,    -- canonical name
  message      text COLLATE "C" NOT NULL,
  content_type text COLLATE "C" NOT NULL,
  header       text COLLATE "C" NOT NULL,    -- JSON object of what decoding needs; empty: nothing
  body         bytea            NOT NULL,    -- empty if it was too long
  size         bigint           NOT NULL,    -- of the body as it arrived
  retried      text COLLATE "C" NOT NULL,    -- invocation that was started for it after all; empty: none
  ended        timestamptz      NOT NULL     -- none: it waits for a retry
);

CREATE UNIQUE INDEX refused_events_by_event ON refused_events (trigger_name, event) WHERE event <> '';
CREATE INDEX refused_events_waiting         ON refused_events (trigger_name, id)    WHERE ended = 'epoch';
CREATE INDEX refused_events_by_trigger      ON refused_events (trigger_name, id);
CREATE INDEX refused_events_by_age          ON refused_events (received);
CREATE INDEX refused_events_by_retry        ON refused_events (retried)             WHERE retried <> '';

-- The state of schedules.
CREATE TABLE schedules (
  name     text COLLATE "C" PRIMARY KEY,
  spec     bytea            NOT NULL, -- JSON, if the API has made it; empty: the configuration has it
  timing   text COLLATE "C" NOT NULL, -- cron line and zone to which the cursor belongs
  paused   boolean          NOT NULL,
  cursor   timestamptz      NOT NULL, -- latest slot that was handled
  last     text COLLATE "C" NOT NULL, -- JSON: what became of it; empty: there was none
  counts   text COLLATE "C" NOT NULL, -- JSON: slots by their result
  version  bigint           NOT NULL  -- grows with every change
);

-- What invocations have used, by estimate. It outlives the invocations. Each row is the sum
-- over all with the same month, job, caller, day and labels; the transaction that settles an
-- invocation adds to it.
CREATE TABLE usage (
  id          bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  month       integer          NOT NULL, -- 202611 is November 2026: that of the reservation
  day         integer          NOT NULL, -- 20261128
  job         text COLLATE "C" NOT NULL,
  principal   text COLLATE "C" NOT NULL, -- name of the caller
  owner       text COLLATE "C" NOT NULL, -- hash of that name
  labels      text COLLATE "C" NOT NULL, -- JSON object with sorted names; empty: none
  invocations bigint           NOT NULL,
  tasks       bigint           NOT NULL,
  vcpu        bigint           NOT NULL, -- thousandths of vCPU-seconds,
  memory      bigint           NOT NULL, -- of GiB-seconds,
  gpu         bigint           NOT NULL, -- of seconds of a GPU,
  money       bigint           NOT NULL, -- and billionths of US dollars
  UNIQUE (month, job, owner, day, labels)
);

-- The labels of these rows.
CREATE TABLE usage_labels (
  name  text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  month integer          NOT NULL,
  usage bigint           NOT NULL REFERENCES usage ON DELETE CASCADE,
  PRIMARY KEY (name, value, month, usage)
);

CREATE INDEX usage_labels_of ON usage_labels (usage);

-- The same sums by what budgets count: by each label, and with an empty name by none. A budget
-- reads few rows here, also if every invocation has a label value of its own.
CREATE TABLE usage_sums (
  month     integer          NOT NULL,
  name      text COLLATE "C" NOT NULL, -- of the label; empty: all invocations
  value     text COLLATE "C" NOT NULL,
  job       text COLLATE "C" NOT NULL,
  principal text COLLATE "C" NOT NULL,
  vcpu      bigint           NOT NULL,
  memory    bigint           NOT NULL,
  money     bigint           NOT NULL,
  PRIMARY KEY (month, name, value, job, principal)
);

-- What one process does for all.
CREATE TABLE leases (
  name   text COLLATE "C" PRIMARY KEY,
  holder text COLLATE "C" NOT NULL, -- a store as a process has opened it
  epoch  bigint           NOT NULL, -- grows when the holder changes
  until  timestamptz      NOT NULL
);

-- What the store is. It has one row.
CREATE TABLE installation (
  one     boolean          PRIMARY KEY DEFAULT true CHECK (one),
  system  text COLLATE "C" NOT NULL, -- identifier of the database cluster; another one: this is a copy
  rebuilt boolean          NOT NULL  -- Cloud Run's executions were read back, so that all keys are known
);

-- Secrets that all processes use, such as the one that signs the console's sessions.
CREATE TABLE secrets (
  name  text COLLATE "C" PRIMARY KEY,
  value bytea            NOT NULL
);

