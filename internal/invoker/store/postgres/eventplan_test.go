//go:build unix

package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// manyEvents adds events of 50 triggers. Half of them wait.
const manyEvents = `INSERT INTO refused_events
	SELECT 'event-' || lpad(i::text, 6, '0'), 'trigger-' || i % 50, 'job', 'event-' || i, '', to_timestamp(i), 1, 'INVALID_ARGUMENT', '', '', '', '', 0, '',
		CASE WHEN i / 50 % 2 = 0 THEN 'epoch' ELSE to_timestamp(i) END
	FROM generate_series(1, 5000) AS i`

// TestPlansOfEvents checks which indexes the statements read that remove refused events among many,
// and that none reads all events.
func TestPlansOfEvents(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	fill(t, s, manyEvents, `ANALYZE refused_events`)
	for name, test := range map[string]struct {
		query   string
		args    []any
		indexes []string
	}{
		"waiting": {dropBeyond(hasNotEnded), []any{"trigger-1", 9}, []string{"refused_events_waiting"}},
		"settled": {dropBeyond(hasEnded), []any{"trigger-1", 9}, []string{"refused_events_settled"}},
		"tidy":    {tidyEvents, []any{at, 9}, []string{"refused_events_by_age", "refused_events_pkey"}},
	} {
		plan, err := genericPlan(t, s, &pgx.QueuedQuery{SQL: test.query, Arguments: test.args}, "COSTS OFF")
		if err != nil || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Hash") || strings.Count(plan, "refused_events_pkey") >= len(test.indexes) {
			t.Errorf("%s: the plan reads all events: %v\n%s", name, err, plan)
		}
		for _, index := range test.indexes {
			if !strings.Contains(plan, index+" ") {
				t.Errorf("%s: the plan has no %s:\n%s", name, index, plan)
			}
		}
	}
}
