package engine

import (
	"fmt"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// attemptEnd is the end of one attempt as the database keeps it. The platform's own log
// lines are derived from it whenever somebody reads a log; no log stores them.
type attemptEnd struct {
	task, attempt int
	at            time.Time
	ending
}

// entries are the platform's lines about an attempt. They stand behind its output.
func (e attemptEnd) entries(template *runpb.TaskTemplate) []tasklog.Entry {
	all := e.platformLines(template)
	for i := range all {
		all[i].Pos = tasklog.DerivedPos(e.task, e.attempt, i)
		all[i].Time, all[i].Task, all[i].Attempt, all[i].Stream = e.at, e.task, e.attempt, tasklog.System
	}
	return all
}

// platformEntries are the platform's lines about the attempts of an execution, of the tasks
// of a query and since its time.
func (tx *storeTx) platformEntries(x *executionRow, q tasklog.Query) (all []tasklog.Entry, err error) {
	ends, err := tx.attemptEnds(x.id, q)
	if err != nil {
		return nil, err
	}
	for _, end := range ends {
		all = append(all, end.entries(x.message.Template)...)
	}
	if x.counts.interrupted == 0 {
		return all, nil
	}
	interruptions, err := tx.interruptions(x.id, q)
	for _, i := range interruptions {
		all = append(all, i.entry())
	}
	return all, err
}

// platformLines are the platform's lines about an attempt, in Cloud Run's words and
// with its severities. Cloud Run writes them to the log varlog/system.
// https://cloud.google.com/run/docs/logging#system-logs
//
// Deviation: the engine does not limit memory, so no line reports its use. The line of
// an attempt that could not be started is ours.
func (e ending) platformLines(template *runpb.TaskTemplate) (all []tasklog.Entry) {
	if e.code == runwith.DeadlineExceeded {
		all = append(all, platformLine(tasklog.Error, "Terminating task because it has reached the maximum timeout of %d seconds. "+
			"To change this limit, see https://cloud.google.com/run/docs/configuring/task-timeout", template.GetTimeout().GetSeconds()))
	}
	switch {
	case e.ran:
		all = append(all, exitLine(e.result))
	case e.status == interrupted:
		all = append(all, platformLine(tasklog.Warning, "%s", e.status))
	case e.code == runwith.Internal:
		all = append(all, platformLine(tasklog.Error, "%s", e.status))
	}
	return all
}

func exitLine(r runner.Result) tasklog.Entry {
	switch {
	case r.Signal != 0:
		return platformLine(tasklog.Warning, "Container terminated on signal %d.", r.Signal)
	case r.ExitCode != 0:
		return platformLine(tasklog.Warning, "Container called exit(%d).", r.ExitCode)
	}
	return platformLine(tasklog.Info, "Container called exit(0).")
}

func platformLine(level tasklog.Level, format string, args ...any) tasklog.Entry {
	return tasklog.Entry{Level: level, Text: fmt.Appendf(nil, format, args...)}
}
