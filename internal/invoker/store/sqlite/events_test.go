package sqlite

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/invoker/store"
)

// TestEventsReadIndexes checks that pages of events are ranges of indexes.
func TestEventsReadIndexes(t *testing.T) {
	t.Parallel()
	s := openEmpty(t)
	for name, q := range map[string]store.EventQuery{
		"of a trigger": {Trigger: "uploads", Before: "x"},
		"waiting":      {Trigger: "uploads", Waiting: true},
		"of jobs":      {Trigger: "uploads", Jobs: []string{"a", "b"}},
		"all":          {Before: "x"},
	} {
		refused, args := refusedBy(q)
		plan := planOf(t, s, refused, args...) + plansOf(t, s, q.Invocations())
		if strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "SCAN refused_events") || strings.Contains(plan, "SCAN invocations") {
			t.Errorf("%s: %s\n%s", name, refused, plan)
		}
		if q.Jobs != nil && !strings.Contains(plan, "invocations_by_owner_job (owner=? AND job=?)") {
			t.Errorf("%s: the plan reads other jobs:\n%s", name, plan)
		}
	}
}
