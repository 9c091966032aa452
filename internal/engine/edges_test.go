package engine

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/sqlite"
)

// drawnEdge is a line of the drawing in doc.go.
var drawnEdge = regexp.MustCompile(`(?m)^//\t(execution|task): (\w+) ── .+ ─+► (\w+)$`)

func TestEdgesMatchTheDrawing(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]edges{"execution": {}, "task": {}}
	for _, line := range drawnEdge.FindAllStringSubmatch(string(doc), -1) {
		machine, from, to := drawn[line[1]], state(line[2]), state(line[3])
		if !slices.Contains(machine[from], to) { // an edge may have several reasons
			machine[from] = append(machine[from], to)
		}
	}
	if arrows := strings.Count(string(doc), "►"); arrows != len(drawnEdge.FindAllString(string(doc), -1)) {
		t.Errorf("doc.go has %d arrows, and only %d of them read as an edge", arrows, len(drawnEdge.FindAllString(string(doc), -1)))
	}
	sorted := func(e edges) edges {
		for _, to := range e {
			slices.Sort(to)
		}
		return e
	}
	clone := func(e edges) edges {
		c := edges{}
		for from, to := range e {
			c[from] = slices.Clone(to)
		}
		return c
	}
	for machine, table := range map[string]edges{"execution": executionEdges, "task": taskEdges} {
		if diff := cmp.Diff(sorted(drawn[machine]), sorted(clone(table))); diff != "" {
			t.Errorf("edges of the %s (-drawing +table):\n%s", machine, diff)
		}
	}
}

func TestExecutionsAndTasksEndInTheSameStates(t *testing.T) {
	t.Parallel()
	for _, s := range states {
		if ends := len(taskEdges[s]) == 0; ends != s.terminal() {
			t.Errorf("%s: terminal for tasks = %v, for executions = %v, want them equal", s, ends, s.terminal())
		}
	}
}

func TestEveryStateIsInOneSet(t *testing.T) {
	t.Parallel()
	for _, e := range []edges{executionEdges, taskEdges} {
		for from, to := range e {
			for _, s := range append(slices.Clone(to), from) {
				if !slices.Contains(states[:], s) {
					t.Errorf("state %q is missing in the list of all states", s)
				}
			}
		}
	}
	for _, s := range states {
		live, ended := strings.Contains(isLive, string(s)), strings.Contains(hasEnded, string(s))
		if live == ended {
			t.Errorf("%s: live = %v, ended = %v, want exactly one of them", s, live, ended)
		}
	}
}

// TestLiveExecutionsUseTheirIndex checks the query's condition, because SQLite uses a partial
// index only for a condition with the same spelling.
func TestLiveExecutionsUseTheirIndex(t *testing.T) {
	t.Parallel()
	db, err := openStore(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var plan string
	err = db.Read(t.Context(), func(tx *sqlite.Tx) error {
		var id, parent, unused int
		return tx.QueryRow(`EXPLAIN QUERY PLAN SELECT id FROM executions WHERE `+isLive).Scan(&id, &parent, &unused, &plan)
	})
	if err != nil || !strings.Contains(plan, "executions_active") {
		t.Errorf("plan = %q, %v, want it to use executions_active", plan, err)
	}
}
