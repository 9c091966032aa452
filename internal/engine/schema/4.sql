-- Hidden executions are kept for a month, and there may be many. Lists, and what looks for
-- executions to hide, read only those that are shown.
CREATE INDEX executions_shown ON executions (id) WHERE deleted IS NULL;
CREATE INDEX executions_shown_by_job ON executions (job, id) WHERE deleted IS NULL;
