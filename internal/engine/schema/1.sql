-- Times are Unix nanoseconds in UTC. Messages are google.cloud.run.v2 in binary
-- form: what a caller set and what never changes. What changes with every task
-- stands in columns, so that a transition is one compare-and-set.

CREATE TABLE jobs (
  id         INTEGER PRIMARY KEY,
  project    TEXT    NOT NULL,
  region     TEXT    NOT NULL,
  job        TEXT    NOT NULL,
  deleted    INTEGER,                     -- NULL while the job is there
  executions INTEGER NOT NULL DEFAULT 0,  -- how many it has
  awaits     INTEGER,                     -- the execution that its token started
  message    BLOB    NOT NULL             -- Job
) STRICT;

CREATE UNIQUE INDEX jobs_by_name ON jobs (project, region, job) WHERE deleted IS NULL;
CREATE INDEX jobs_by_location ON jobs (project, region, job, id);

CREATE TABLE executions (
  id         INTEGER PRIMARY KEY,
  job        INTEGER NOT NULL REFERENCES jobs (id),
  name       TEXT    NOT NULL,            -- the resource name
  state      TEXT    NOT NULL,            -- pending, running, succeeded, failed, cancelled
  stop       TEXT    NOT NULL DEFAULT '', -- why it is to end early: cancelled, deleted
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL,
  started    INTEGER NOT NULL DEFAULT 0,
  completed  INTEGER NOT NULL DEFAULT 0,
  deleted    INTEGER,
  output     INTEGER NOT NULL DEFAULT 1,  -- 0 when its output and tasks were removed
  tasks      INTEGER NOT NULL,
  running    INTEGER NOT NULL DEFAULT 0,
  succeeded  INTEGER NOT NULL DEFAULT 0,
  failed     INTEGER NOT NULL DEFAULT 0,
  cancelled  INTEGER NOT NULL DEFAULT 0,
  retried    INTEGER NOT NULL DEFAULT 0,
  failure    TEXT    NOT NULL DEFAULT '', -- of the first task that failed for good
  message    BLOB    NOT NULL             -- Execution, as it was created
) STRICT;

-- A name is free again when its execution is deleted and has ended.
CREATE UNIQUE INDEX executions_by_name ON executions (name) WHERE deleted IS NULL OR state IN ('pending', 'running');
CREATE INDEX executions_by_job ON executions (job, id);
CREATE INDEX executions_deleted ON executions (deleted) WHERE deleted IS NOT NULL;
CREATE INDEX executions_untidy ON executions (id) WHERE deleted IS NOT NULL AND output = 1;
CREATE INDEX executions_active ON executions (id) WHERE state IN ('pending', 'running');

CREATE TABLE tasks (
  execution   INTEGER NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
  task        INTEGER NOT NULL,           -- index, from 0
  state       TEXT    NOT NULL,           -- as of an execution
  attempt     INTEGER NOT NULL DEFAULT 0, -- the one that runs, or is next, or was the last
  incarnation INTEGER NOT NULL DEFAULT 0, -- of that attempt
  started     INTEGER NOT NULL DEFAULT 0,
  completed   INTEGER NOT NULL DEFAULT 0,
  exit_code   INTEGER NOT NULL DEFAULT 0, -- of the last attempt that ended
  term_signal INTEGER NOT NULL DEFAULT 0,
  status_code INTEGER NOT NULL DEFAULT 0, -- google.rpc.Code
  status      TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (execution, task)
) STRICT, WITHOUT ROWID;

-- An operation is done when what it stands for has come about: that its execution
-- has ended (run, cancel, delete), or that no execution of its job is active any
-- more (delete of a job). One that stands for neither was done when it was answered.
-- The name ends with a UUID of version 7, so that names order by time.
CREATE TABLE operations (
  name      TEXT PRIMARY KEY,             -- the resource name
  kind      TEXT NOT NULL,                -- run, cancel, delete, job
  execution INTEGER,                      -- no reference: it may outlive both
  job       INTEGER,
  message   BLOB NOT NULL                 -- Job: metadata and response where execution is NULL
) STRICT, WITHOUT ROWID;
