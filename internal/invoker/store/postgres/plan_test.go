//go:build unix

package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestPlansOfTheQueue checks which index each look at the queue reads, and that none reads the whole
// table. The tables are empty: a connection keeps plans that were made then.
func TestPlansOfTheQueue(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	slot, job, ids := "slot", []string{"job"}, []string{"a", "b"}
	for name, test := range map[string]struct {
		query string
		args  []any
		index string
	}{
		"sleeping":           {nextToWake, nil, "invocations_later"},
		"woken":              {`SELECT EXISTS (SELECT 1 FROM invocations WHERE ` + isWoken + `)`, nil, "invocations_woken"},
		"held by a budget":   {`SELECT EXISTS (SELECT 1 FROM invocations WHERE ` + isHeld + `)`, nil, "invocations_held"},
		"jobs":               {readyJobs, nil, "invocations_ready"},
		"nearest":            {nearest, []any{job, at, "", 9}, "invocations_ready"},
		"claimed":            {claim, []any{ids, at, 9}, "invocations_pkey"},
		"slots of some keys": {heldSlots, []any{ids}, "invocations_held_slots"},
		"slots of a key":     {countHeld, []any{slot}, "invocations_held_slots"},
		"awaiting":           {`SELECT ` + awaiting, []any{slot, at, 9}, "invocations_waiting_slots"},
		"awaiting, asleep":   {`SELECT ` + awaiting, []any{slot, at, 9}, "invocations_later"},
		"unchecked":          {dueUnchecked, []any{at}, "invocations_unchecked"},
		"calls":              {`SELECT id FROM invocations WHERE ` + isLapsed, []any{at}, "invocations_calling"},
		"watched":            {`SELECT id FROM invocations WHERE ` + isWatchedOut, []any{at}, "invocations_watched_until"},
		"unpark":             {unparkNext(), []any{slot}, "invocations_parked_limits"},
		"key":                {selectRecord + byKey, []any{"me", "key"}, "invocations_keys"},
	} {
		plan, err := genericPlan(t, s, &pgx.QueuedQuery{SQL: test.query, Arguments: test.args}, "COSTS OFF")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(plan, test.index) || strings.Contains(plan, "Seq Scan on invocations") {
			t.Errorf("%s: the plan has no %s, or reads the whole table:\n%s", name, test.index, plan)
		}
	}
}
