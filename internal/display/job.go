package display

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/terminal"
)

// Jobs shows jobs as a table.
func Jobs(s *terminal.Screen, now time.Time, jobs []*runpb.Job) error {
	t := &terminal.Table{Head: []string{"JOB", "STATE", "TASKS", "EXECUTIONS", "LAST EXECUTION", "UPDATED"}}
	for _, j := range jobs {
		last := j.GetLatestCreatedExecution()
		row := terminal.Cells(path.Base(j.GetName()), jobState(j), fmt.Sprint(j.GetTemplate().GetTaskCount()),
			fmt.Sprint(j.GetExecutionCount()), never, ago(now, j.GetUpdateTime()))
		row[1].Style = stateStyle(jobState(j))
		if last.GetName() != "" {
			row[4] = terminal.Cell{Text: lastState(last) + " " + ago(now, last.GetCreateTime()), Style: stateStyle(lastState(last))}
		}
		t.Add(row...)
	}
	return t.Write(s)
}

// jobState returns whether a job can be started, in one word.
func jobState(j *runpb.Job) string {
	switch j.GetTerminalCondition().GetState() {
	case runpb.Condition_CONDITION_SUCCEEDED:
		return "ready"
	case runpb.Condition_CONDITION_FAILED:
		return "failed"
	}
	return "pending"
}

// lastState returns the state of a job's last execution in one word.
func lastState(x *runpb.ExecutionReference) string {
	return strings.ToLower(strings.TrimPrefix(x.GetCompletionStatus().String(), "EXECUTION_"))
}

// Job shows a job in sections.
func Job(s *terminal.Screen, now time.Time, j *runpb.Job) error {
	v := newView(s, now)
	v.Begin("Job " + path.Base(j.GetName()))
	v.Row("Name", j.GetName())
	v.state(jobState(j), "")
	v.Row("Created", exactly(now, j.GetCreateTime()))
	v.Row("Updated", exactly(now, j.GetUpdateTime()))
	v.Row("Generation", strconv.FormatInt(j.GetGeneration(), 10))
	v.Row("Executions", strconv.Itoa(int(j.GetExecutionCount())))
	if last := j.GetLatestCreatedExecution(); last.GetName() != "" {
		v.Row("Last execution", fmt.Sprintf("%s, %s, created %s", path.Base(last.GetName()), lastState(last), ago(now, last.GetCreateTime())))
	}
	v.labels(j.GetLabels(), j.GetAnnotations())
	if conditions := j.GetConditions(); j.GetTerminalCondition() != nil {
		v.conditions(append([]*runpb.Condition{j.GetTerminalCondition()}, conditions...))
	}
	t := j.GetTemplate()
	v.Begin("Each execution")
	v.Row("Tasks", strconv.Itoa(int(t.GetTaskCount())))
	v.Row("Parallelism", parallelism(t.GetParallelism()))
	v.template(t.GetTemplate())
	return v.End()
}
