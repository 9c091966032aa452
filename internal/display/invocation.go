package display

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/terminal"
)

// Invocations shows invocations as a table.
func Invocations(s *terminal.Screen, now time.Time, invocations []*runwith.Invocation) error {
	t := &terminal.Table{Head: []string{"INVOCATION", "JOB", "STATE", "TASKS", "CREATED", "EXECUTION"}}
	if slices.ContainsFunc(invocations, func(i *runwith.Invocation) bool { return i.Waiting != nil }) {
		t.Head = append(t.Head, "WAITS FOR")
	}
	for _, i := range invocations {
		row := terminal.Cells(i.ID, i.Job, string(i.State), invocationTasks(i), ago(now, timestamppb.New(i.Created)), executionID(i))
		row[2].Style = stateStyle(string(i.State))
		if i.Waiting != nil {
			row = append(row, terminal.Cells(string(i.Waiting.For)+nextTry(now, i.Waiting))...)
		}
		t.Add(row...)
	}
	return t.Write(s)
}

func invocationTasks(i *runwith.Invocation) string {
	if i.Counts.Tasks == 0 {
		return never
	}
	return fmt.Sprintf("%d/%d", i.Counts.Succeeded, i.Counts.Tasks)
}

// nextTry returns when the invoker tries again, behind what an invocation waits for.
func nextTry(now time.Time, w *runwith.Waiting) string {
	if w.Next.IsZero() {
		return ""
	}
	in := max(time.Second, w.Next.Sub(now).Round(time.Second))
	if w.For == runwith.HoldStart {
		return fmt.Sprintf(", in %v", in)
	}
	return fmt.Sprintf(", next try in %v", in)
}

// executionID returns the last part of the execution's name.
func executionID(i *runwith.Invocation) string {
	if i.Execution == "" {
		return never
	}
	return path.Base(i.Execution)
}

// Invocation shows an invocation in sections.
func Invocation(s *terminal.Screen, now time.Time, i *runwith.Invocation) error {
	v := newView(s, now)
	v.Begin("Invocation " + i.ID)
	v.Row("Job", i.Job)
	v.state(string(i.State), "")
	if i.Waiting != nil {
		v.Row("Waits for", string(i.Waiting.For)+nextTry(now, i.Waiting)+": "+i.Waiting.Message)
	}
	v.Row("Caller", i.Caller)
	v.labels(i.Labels, nil)
	if i.RerunOf != "" {
		v.Row("Rerun of", i.RerunOf)
	}
	v.Row("Execution", i.Execution)
	for _, at := range []struct {
		label string
		time  time.Time
	}{{"Created", i.Created}, {"Cancel asked", i.CancelRequested}, {"Started", i.Started}, {"Ended", i.Finished}} {
		if !at.time.IsZero() {
			v.Row(at.label, exactly(now, timestamppb.New(at.time)))
		}
	}
	v.Row("Attempts", strconv.Itoa(i.Attempts))
	if i.Usage != nil {
		v.Row("Usage", usageOf(i.Usage))
	}
	if i.Twins > 0 {
		v.Row("Twins", fmt.Sprintf("%d, cancelled", i.Twins))
	}
	if i.Error != nil && i.State != runwith.StateFailed {
		v.Row("Reason", why(i.Error))
	} else {
		v.failure(i.Error)
	}
	if i.Counts.Tasks > 0 {
		v.counts(i.Counts)
	}
	v.request(i.Request)
	return v.End()
}
