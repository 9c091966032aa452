-- The first row that waits for a budget, of those that sleep and of the others. invocations_held has
-- both, so PostgreSQL would read all of one kind to find the first of the other.
CREATE INDEX invocations_held_awake  ON invocations (budget, id) WHERE state IN ('accepted', 'queued') AND budget <> '' AND NOT asleep;
CREATE INDEX invocations_held_asleep ON invocations (budget, id) WHERE state IN ('accepted', 'queued') AND budget <> '' AND asleep;

-- The settled events of a trigger, of which the oldest are removed.
CREATE INDEX refused_events_settled ON refused_events (trigger_name, id) WHERE ended > 'epoch';

-- The deliveries of budgets, which belong to no invocation, by age.
CREATE INDEX deliveries_of_budgets ON deliveries (created) WHERE invocation = '';

-- The first parked row of a concurrency key, by the number of its slots.
CREATE INDEX invocations_parked_limits ON invocations (slot, slot_limit, id) WHERE state IN ('accepted', 'queued') AND checked AND search_from = 'epoch' AND parked AND budget = '';
