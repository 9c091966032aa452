package main

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
)

// describeJob shows a job in sections.
func describeJob(s *screen, now time.Time, j *runpb.Job) error {
	v := &view{screen: s}
	v.begin("Job " + path.Base(j.GetName()))
	v.row("Name", j.GetName())
	v.state(jobState(j), "")
	v.row("Created", exactly(now, j.GetCreateTime()))
	v.row("Updated", exactly(now, j.GetUpdateTime()))
	v.row("Generation", strconv.FormatInt(j.GetGeneration(), 10))
	v.row("Executions", strconv.Itoa(int(j.GetExecutionCount())))
	if last := j.GetLatestCreatedExecution(); last != nil {
		v.row("Last execution", fmt.Sprintf("%s, %s, created %s", path.Base(last.GetName()), lastState(last), ago(now, last.GetCreateTime())))
	}
	v.labels(j.GetLabels(), j.GetAnnotations())
	if conditions := j.GetConditions(); j.GetTerminalCondition() != nil {
		v.conditions(now, append([]*runpb.Condition{j.GetTerminalCondition()}, conditions...))
	}
	t := j.GetTemplate()
	v.begin("Each execution")
	v.row("Tasks", strconv.Itoa(int(t.GetTaskCount())))
	v.row("Parallelism", parallelism(t.GetParallelism()))
	v.template(t.GetTemplate())
	return v.end()
}

// describeExecution shows an execution in sections.
func describeExecution(s *screen, now time.Time, x *runpb.Execution) error {
	v := &view{screen: s}
	v.begin("Execution " + path.Base(x.GetName()))
	v.row("Name", x.GetName())
	v.row("Job", path.Base(x.GetJob()))
	v.state(executionState(x), lasting(x)+took(now, cmp.Or(x.GetStartTime(), x.GetCreateTime()), x.GetCompletionTime()))
	v.row("Created", exactly(now, x.GetCreateTime()))
	v.row("Started", exactly(now, x.GetStartTime()))
	v.row("Ended", exactly(now, x.GetCompletionTime()))
	v.row("Deleted", exactly(now, x.GetDeleteTime()))
	v.labels(x.GetLabels(), x.GetAnnotations())
	v.row("Log", x.GetLogUri())
	v.begin("Tasks")
	v.row("Count", strconv.Itoa(int(x.GetTaskCount())))
	for _, count := range []struct {
		label string
		tasks int32
	}{
		{"Running", x.GetRunningCount()},
		{"Succeeded", x.GetSucceededCount()},
		{"Failed", x.GetFailedCount()},
		{"Cancelled", x.GetCancelledCount()},
		{"Retried", x.GetRetriedCount()},
	} {
		v.row(count.label, strconv.Itoa(int(count.tasks)))
	}
	v.row("Parallelism", parallelism(x.GetParallelism()))
	v.conditions(now, x.GetConditions())
	v.begin("Each task")
	v.template(x.GetTemplate())
	return v.end()
}

// lasting stands between an execution's state and how long it has run.
func lasting(x *runpb.Execution) string {
	if x.GetCompletionTime() == nil {
		return " for "
	}
	return " after "
}

func parallelism(n int32) string {
	if n == 0 {
		return "as many as there is room for"
	}
	return strconv.Itoa(int(n))
}

// template shows what a task is made of, overrides included.
func (v *view) template(t *runpb.TaskTemplate) {
	v.row("Retries", strconv.Itoa(int(t.GetMaxRetries())))
	v.row("Timeout", t.GetTimeout().AsDuration().String())
	v.row("Service account", t.GetServiceAccount())
	for _, volume := range t.GetVolumes() {
		v.row("Volume", volume.GetName())
	}
	for _, c := range t.GetContainers() {
		v.container(c)
	}
}

func (v *view) container(c *runpb.Container) {
	v.begin(strings.TrimSpace("Container " + c.GetName()))
	v.row("Image", c.GetImage())
	v.row("Command", quoted(c.GetCommand()))
	v.row("Arguments", quoted(c.GetArgs()))
	v.row("Folder", c.GetWorkingDir())
	limits := c.GetResources().GetLimits()
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		v.row("Limit", name+"="+limits[name])
	}
	for _, mount := range c.GetVolumeMounts() {
		v.row("Mount", mount.GetName()+" at "+mount.GetMountPath())
	}
	for _, variable := range c.GetEnv() {
		value := variable.GetName() + "=" + variable.GetValue()
		if secret := variable.GetValueSource().GetSecretKeyRef(); secret != nil {
			value = fmt.Sprintf("%s from secret %s, version %s", variable.GetName(), secret.GetSecret(), secret.GetVersion())
		}
		v.row("Environment", value)
	}
}

// quoted shows arguments apart from each other.
func quoted(args []string) string {
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg
		if arg == "" || strings.ContainsAny(arg, " \"'\\") || oneLine(arg) != arg {
			shown[i] = strconv.Quote(arg)
		}
	}
	return strings.Join(shown, " ")
}
