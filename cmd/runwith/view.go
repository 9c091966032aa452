package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// view is one thing in sections, each a title and labelled values below it.
type view struct {
	*screen
	title string
	rows  table
	last  string // label above
	errs  []error
	begun bool
}

// begin ends the section before and begins another.
func (v *view) begin(title string) {
	v.flush()
	v.title, v.last, v.rows = title, "", table{indent: gap}
}

func (v *view) flush() {
	if v.title == "" {
		return
	}
	heading := v.paint(bold, oneLine(v.title)) + "\n"
	if v.begun {
		heading = "\n" + heading
	}
	v.begun = true
	_, err := v.Write([]byte(heading))
	v.errs = append(v.errs, err, v.rows.write(v.screen))
}

// end ends the view and reports what could not be written.
func (v *view) end() error {
	v.flush()
	return errors.Join(v.errs...)
}

// row adds a value; one that is empty is left out, and a label that stands above
// it already is not said again.
func (v *view) row(label, value string) {
	if value != "" {
		v.rows.add(words(v.label(label), value)...)
	}
}

func (v *view) label(label string) string {
	if label == v.last {
		return ""
	}
	v.last = label
	return label
}

// state adds a state and what there is to say about it.
func (v *view) state(state, more string) {
	row := words(v.label("State"), state+more)
	row[1].look = stateStyle(state)
	v.rows.add(row...)
}

func (v *view) labels(labels, annotations map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		v.row("Label", name+"="+labels[name])
	}
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		v.row("Annotation", name+"="+annotations[name])
	}
}

// conditions is a section of its own.
func (v *view) conditions(now time.Time, conditions []*runpb.Condition) {
	v.begin("Conditions")
	for _, c := range conditions {
		state := strings.ToLower(strings.TrimPrefix(c.GetState().String(), "CONDITION_"))
		row := words(c.GetType(), state, ago(now, c.GetLastTransitionTime()), c.GetMessage())
		row[1].look = stateStyle(state)
		v.rows.add(row...)
	}
}
