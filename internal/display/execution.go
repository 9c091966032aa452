package display

import (
	"cmp"
	"fmt"
	"path"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/terminal"
)

// Executions shows executions as a table.
func Executions(s *terminal.Screen, now time.Time, executions []*runpb.Execution) error {
	t := &terminal.Table{Head: []string{"EXECUTION", "JOB", "STATE", "TASKS", "CREATED", "TOOK"}}
	for _, x := range executions {
		row := terminal.Cells(path.Base(x.GetName()), path.Base(x.GetJob()), executionState(x), taskCounts(x),
			ago(now, x.GetCreateTime()), took(now, x.GetStartTime(), x.GetCompletionTime()))
		row[2].Style = stateStyle(row[2].Text)
		t.Add(row...)
	}
	return t.Write(s)
}

// executionState returns the state of an execution in one word.
func executionState(x *runpb.Execution) string {
	state := cloudrun.StatusOf(x).State
	if state != runwith.StateRunning {
		return string(state)
	}
	for _, c := range x.GetConditions() {
		switch c.GetExecutionReason() {
		case runpb.Condition_CANCELLING:
			return "cancelling"
		case runpb.Condition_DELETED:
			return "deleting"
		}
	}
	if x.GetStartTime() == nil {
		return "pending"
	}
	return string(state)
}

// taskCounts returns how many of an execution's tasks have succeeded and failed.
func taskCounts(x *runpb.Execution) string {
	text := fmt.Sprintf("%d/%d", x.GetSucceededCount(), x.GetTaskCount())
	if failed := x.GetFailedCount(); failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	return text
}

// Execution shows an execution in sections. failure is why it failed, or nil.
func Execution(s *terminal.Screen, now time.Time, x *runpb.Execution, failure *runwith.Failure) error {
	v := newView(s, now)
	v.Begin("Execution " + path.Base(x.GetName()))
	v.Row("Name", x.GetName())
	v.Row("Job", path.Base(x.GetJob()))
	v.Row("Invocation", invocationOf(x))
	v.state(executionState(x), lasting(x)+took(now, cmp.Or(x.GetStartTime(), x.GetCreateTime()), x.GetCompletionTime()))
	v.Row("Created", exactly(now, x.GetCreateTime()))
	v.Row("Started", exactly(now, x.GetStartTime()))
	v.Row("Ended", exactly(now, x.GetCompletionTime()))
	v.Row("Deleted", exactly(now, x.GetDeleteTime()))
	v.labels(x.GetLabels(), x.GetAnnotations())
	v.Row("Log", x.GetLogUri())
	v.Row("Output", "runwith logs "+path.Base(x.GetName()))
	v.failure(failure)
	v.counts(cloudrun.StatusOf(x).Counts)
	v.Row("Parallelism", parallelism(x.GetParallelism()))
	v.conditions(x.GetConditions())
	v.Begin("Each task")
	v.template(x.GetTemplate())
	return v.End()
}

// invocationOf returns the ID of the invocation that started an execution, or "".
func invocationOf(x *runpb.Execution) string {
	for _, c := range x.GetTemplate().GetContainers() {
		for _, variable := range c.GetEnv() {
			if variable.GetName() == ledger.Marker {
				return variable.GetValue()
			}
		}
	}
	return ""
}

// lasting returns the word between an execution's state and its duration.
func lasting(x *runpb.Execution) string {
	if x.GetCompletionTime() == nil {
		return " for "
	}
	return " after "
}
