-- The name of the principal that made the request; empty: the anonymous one, or the local user.
ALTER TABLE invocations ADD COLUMN principal TEXT NOT NULL DEFAULT '';
