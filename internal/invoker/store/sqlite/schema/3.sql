-- The name of the principal that made the request; empty: the anonymous one, or the local user.
ALTER TABLE invocations ADD COLUMN principal TEXT NOT NULL DEFAULT '';

-- The resource name of the run's operation; empty if a list showed the execution, or before this schema.
ALTER TABLE invocations ADD COLUMN operation TEXT NOT NULL DEFAULT '';

-- The failed tasks of a failed invocation, in the JSON of the API; empty: unknown, or none.
ALTER TABLE invocations ADD COLUMN error_tasks TEXT NOT NULL DEFAULT '';

-- How often a task was interrupted, because the engine or its machine stopped.
ALTER TABLE invocations ADD COLUMN interrupted INTEGER NOT NULL DEFAULT 0;
