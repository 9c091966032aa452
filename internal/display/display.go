// Package display shows jobs, executions, operations and invocations to people:
// several as a table, one in sections.
package display

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// stateStyle returns how a state looks.
func stateStyle(state string) terminal.Style {
	switch state {
	case "succeeded", "ready", "done":
		return terminal.Green
	case "failed", "refused":
		return terminal.Red
	case "cancelled", "cancelling", "deleting", "unresolved":
		return terminal.Yellow
	case "running":
		return terminal.Cyan
	}
	return terminal.Plain
}

// view is one thing in sections.
type view struct {
	terminal.Sections
	now time.Time
}

func newView(s *terminal.Screen, now time.Time) *view {
	return &view{terminal.Sections{Screen: s}, now}
}

// state adds a state, and more about it in the same colour.
func (v *view) state(state, more string) {
	row := terminal.Cells("State", state+more)
	row[1].Style = stateStyle(state)
	v.Cells(row...)
}

func (v *view) labels(labels, annotations map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		v.Row("Label", name+"="+labels[name])
	}
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		v.Row("Annotation", name+"="+annotations[name])
	}
}

// counts adds a section with the number of tasks by state.
func (v *view) counts(c runwith.Counts) {
	v.Begin("Tasks")
	for _, count := range []struct {
		label string
		tasks int
	}{
		{"Count", c.Tasks}, {"Running", c.Running}, {"Succeeded", c.Succeeded},
		{"Failed", c.Failed}, {"Cancelled", c.Cancelled}, {"Retried", c.Retried},
	} {
		v.Row(count.label, strconv.Itoa(count.tasks))
	}
	if c.Interrupted > 0 {
		v.Row("Interrupted", fmt.Sprintf("%d, because the engine or its machine stopped", c.Interrupted))
	}
}

// conditions adds a section.
func (v *view) conditions(conditions []*runpb.Condition) {
	v.Begin("Conditions")
	for _, c := range conditions {
		state := strings.ToLower(strings.TrimPrefix(c.GetState().String(), "CONDITION_"))
		row := terminal.Cells(c.GetType(), state, ago(v.now, c.GetLastTransitionTime()), c.GetMessage())
		row[1].Style = stateStyle(state)
		v.Cells(row...)
	}
}
