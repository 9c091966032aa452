package ledger

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

var states = States()

// TestEdgesAreAsDrawn reads the list of edges in doc.go.
func TestEdgesAreAsDrawn(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[runwith.State][]runwith.State{}
	for line := range strings.Lines(string(text)) {
		from, to, found := strings.Cut(strings.TrimPrefix(line, "//"), "->")
		if !found {
			continue
		}
		for name := range strings.FieldsSeq(to) {
			state := runwith.State(strings.TrimSpace(from))
			drawn[state] = append(drawn[state], runwith.State(name))
		}
	}
	if len(drawn) == 0 {
		t.Fatal("doc.go lists no edges")
	}
	code := map[runwith.State][]runwith.State{}
	for _, from := range states {
		for _, to := range states {
			if Leads(from, to) {
				code[from] = append(code[from], to)
			}
		}
		slices.Sort(code[from])
		slices.Sort(drawn[from])
		if diff := cmp.Diff(drawn[from], code[from]); diff != "" {
			t.Errorf("edges from %s (-doc.go +code):\n%s", from, diff)
		}
		if from.Terminal() != (len(code[from]) == 0) {
			t.Errorf("%s is terminal: %t, and has edges to %v", from, from.Terminal(), code[from])
		}
	}
}

// TestEveryStateWaitsHoldsOrEnds has each state in one of three groups.
func TestEveryStateWaitsHoldsOrEnds(t *testing.T) {
	t.Parallel()
	for _, s := range states {
		n := 0
		for _, in := range []bool{slices.Contains(Waiting(), s), slices.Contains(Holding(), s), s.Terminal()} {
			if in {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s is in %d groups, want 1", s, n)
		}
	}
}

func TestMoveMatches(t *testing.T) {
	t.Parallel()
	row := Record{Invocation: runwith.Invocation{ID: "a", State: runwith.StateStarting}, Version: 3}
	running := row.Adopted("e1", Status{})
	running.Version = 4
	left := row
	left.State, left.Finished = runwith.StateUnresolved, at(0)
	newer, other := row, row
	newer.Version, other.ID = 4, "b"
	exchanged := running
	exchanged.Execution = "e2"
	for name, test := range map[string]struct {
		from, to, row Record
		want          bool
	}{
		"from the row":                 {row, row.Adopted("e1", Status{}), row, true},
		"from an old version":          {row, row.Adopted("e1", Status{}), newer, false},
		"of another row":               {other, other.Adopted("e1", Status{}), row, false},
		"row has moved":                {row, row.Adopted("e1", Status{}), running, false},
		"without an edge":              {running, running.Returned(at(0)).Starting(at(1)), running, false},
		"to another execution":         {running, exchanged, running, false},
		"with the same execution":      {running, running.Observed(Status{State: runwith.StateFailed}, at(0)), running, true},
		"from an unresolved left":      {left, left.retried(at(1)), left, false},
		"row was left":                 {row, row.Adopted("e1", Status{}), left, false},
		"back to the queue once known": {row, row.Returned(at(0)), row, true},
	} {
		if got := (Move{test.from, test.to}).Matches(test.row); got != test.want {
			t.Errorf("%s: Matches = %t, want %t", name, got, test.want)
		}
	}
	if made := (Move{row, row.Adopted("e1", Status{})}).Made(time.Now()); made.Version != 4 {
		t.Errorf("version after the move = %d, want 4", made.Version)
	}
}
