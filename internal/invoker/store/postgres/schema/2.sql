-- Lists by several columns. invocations_by_state has the rows that have not ended, which are few.
-- The others are added when a row ends, because each move would write them otherwise.
CREATE INDEX invocations_by_owner_job   ON invocations (owner, job, id);
CREATE INDEX invocations_ended_by_job   ON invocations (job, state, id)        WHERE state IN ('succeeded', 'failed', 'cancelled', 'refused');
CREATE INDEX invocations_ended_by_owner ON invocations (owner, job, state, id) WHERE state IN ('succeeded', 'failed', 'cancelled', 'refused');
