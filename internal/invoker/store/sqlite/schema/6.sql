-- The first row of a scope that sleeps or does not, without those before it.
DROP INDEX invocations_held;
CREATE INDEX invocations_held            ON invocations (budget, asleep, id)      WHERE state IN ('accepted', 'queued') AND budget <> '';

-- Counts of what has not ended, without its rows.
CREATE INDEX invocations_outstanding     ON invocations (state, asleep)           WHERE finished = 0;

-- The bodies of events stand before the time of their end, so a look for settled ones read them.
CREATE INDEX refused_events_settled      ON refused_events (trigger_name, id)     WHERE ended > 0;

-- deliveries_by_endpoint has the order of lists without a state.
CREATE INDEX deliveries_by_endpoint_state ON deliveries (endpoint, state, seq);
