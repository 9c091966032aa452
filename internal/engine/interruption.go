package engine

import (
	"maps"
	"strconv"
	"time"

	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

// interruption is the loss of an attempt that was placed again: it ran, or had just been
// placed, when the engine, its machine, or its Pod stopped.
type interruption struct {
	task, attempt, incarnation int
	at                         time.Time
}

// interruptionPos is behind the places of the lines about an attempt's end.
const interruptionPos = 2

// entry is the platform's line about an interruption.
func (i interruption) entry() tasklog.Entry {
	line := platformLine(tasklog.Warning, runsAgain)
	line.Pos = tasklog.DerivedPos(i.task, i.attempt, interruptionPos+i.incarnation%8) // ends have other places, and times differ
	line.Time, line.Task, line.Attempt, line.Stream = i.at, i.task, i.attempt, tasklog.System
	return line
}

// annotations returns the execution's annotations as clients see them.
//
// Deviation: an execution with interrupted tasks has an annotation with their number.
func (r *executionRow) annotations() map[string]string {
	if r.counts.interrupted == 0 {
		return r.message.Annotations
	}
	all := maps.Clone(r.message.Annotations)
	if all == nil {
		all = map[string]string{}
	}
	all[jobspec.InterruptedAnnotation] = strconv.Itoa(r.counts.interrupted)
	return all
}

// tellInterruption passes the line about an interruption to those who watch logs.
func (e *Engine) tellInterruption(a *active, i interruption) {
	if e.logs.Watched() {
		e.logs.Tell(tasklog.Span{Execution: a.execution.Uid, Label: a.execution.Name, Derived: []tasklog.Entry{i.entry()}})
	}
}
