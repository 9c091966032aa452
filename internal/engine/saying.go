package engine

import (
	"fmt"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// saying is a line of the platform's own about an attempt, in Cloud Run's words and
// as grave as there. Cloud Run writes them to the log varlog/system.
// https://cloud.google.com/run/docs/logging#system-logs
type saying struct {
	level tasklog.Level
	text  string
}

// sayings are what is said of an attempt that ran.
//
// Deviation: nothing is said of memory, which is not limited.
func (e ending) sayings(template *runpb.TaskTemplate) []saying {
	return append(e.timeoutSaying(template), endSaying(e.result))
}

// goesWithoutSaying reports whether all that is said of an attempt can be told from its
// execution: see [executionRow.saying].
func (e ending) goesWithoutSaying(x *runpb.Execution) bool {
	return e.state == succeeded && x.TaskCount == 1
}

// saying is what was said of an execution that has no log, in which there was nothing
// but this to write: its one task printed nothing and succeeded at once.
func (r *executionRow) saying() (line tasklog.Entry, ok bool) {
	said := endSaying(runner.Result{})
	return tasklog.Entry{Time: r.completed, Stream: tasklog.System, Level: said.level, Text: []byte(said.text)},
		r.state == succeeded && r.counts.tasks == 1 && r.counts.retried == 0
}

// startSayings are what is said of an attempt that never ran.
//
// Deviation: the wording is ours.
func (e ending) startSayings(template *runpb.TaskTemplate) []saying {
	if e.code == runwith.Internal {
		return []saying{{tasklog.Error, e.status}}
	}
	return e.timeoutSaying(template)
}

func (e ending) timeoutSaying(template *runpb.TaskTemplate) []saying {
	if e.code != runwith.DeadlineExceeded {
		return nil
	}
	return []saying{{tasklog.Error, fmt.Sprintf("Terminating task because it has reached the maximum timeout of %d seconds. "+
		"To change this limit, see https://cloud.google.com/run/docs/configuring/task-timeout", template.GetTimeout().GetSeconds())}}
}

func endSaying(r runner.Result) saying {
	switch {
	case r.Signal != 0:
		return saying{tasklog.Warning, fmt.Sprintf("Container terminated on signal %d.", r.Signal)}
	case r.ExitCode != 0:
		return saying{tasklog.Warning, fmt.Sprintf("Container called exit(%d).", r.ExitCode)}
	}
	return saying{tasklog.Info, "Container called exit(0)."}
}
