-- Times are microseconds since 1970 in UTC; 0 is none.
CREATE TABLE invocations (
  id            TEXT    NOT NULL PRIMARY KEY, -- UUIDv7: sorts by time of acceptance
  job           TEXT    NOT NULL,
  state         TEXT    NOT NULL,
  version       INTEGER NOT NULL,             -- grows with every change

  overrides     BLOB    NOT NULL,             -- google.cloud.run.v2.RunJobRequest.Overrides
  checked       INTEGER NOT NULL,             -- 1: held against the job, and the overrides carry the marker
  not_before    INTEGER NOT NULL,             -- accepted: when it may be dispatched
  lease_until   INTEGER NOT NULL,             -- accepted, starting: a dispatcher has it, and its call ends by then
  postponed     INTEGER NOT NULL,             -- times it went back to the queue

  execution     TEXT             UNIQUE,      -- resource name; once set, for good
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
  error_code    TEXT    NOT NULL,             -- canonical name; empty: no error
  error_message TEXT    NOT NULL
) STRICT;

CREATE INDEX invocations_by_job   ON invocations (job, id);
CREATE INDEX invocations_by_state ON invocations (state, id);
CREATE INDEX invocations_queue    ON invocations (not_before, id) WHERE state = 'accepted';
