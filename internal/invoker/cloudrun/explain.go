package cloudrun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

const (
	// maxToldTasks is how many failed tasks a failure names, and maxMessageTasks how many
	// its message does.
	maxToldTasks, maxMessageTasks = 10, 3
	// maxTaskPages bounds the search for failed tasks.
	maxTaskPages = 10
)

// Evidence is where [Explain] looks for the reason of a failure. [Client] is one.
type Evidence interface {
	// TaskPage returns a page of the tasks of an execution, and the token of the next page.
	TaskPage(ctx context.Context, execution, token string) (page []*runpb.Task, next string, err error)
	// Stderr returns the last lines that an attempt of a task printed to standard error.
	Stderr(ctx context.Context, execution string, task, attempt int) ([]string, error)
}

// Explain returns why an execution failed: which tasks, in which attempt, with which exit
// code or signal, and the last lines of standard error of the first. If a read fails, it
// returns the reason without that part, together with the error.
func Explain(ctx context.Context, from Evidence, e *runpb.Execution) (*runwith.Failure, error) {
	f := failureOf(e)
	if e.GetFailedCount() <= 0 { // it failed before it had tasks
		return f, nil
	}
	failed, err := failedTasks(ctx, from, e)
	if len(failed) == 0 {
		return f, err
	}
	for _, t := range failed {
		f.Tasks = append(f.Tasks, taskFailure(t))
	}
	f.Message = messageOf(e, failed)
	describe(f, f.Tasks[0])
	lines, stderrErr := from.Stderr(ctx, e.GetName(), *f.Task, *f.Attempt)
	f.Stderr = lines
	return f, errors.Join(err, stderrErr)
}

// describe gives a failure the particulars of the first failed task.
func describe(f *runwith.Failure, first runwith.TaskFailure) {
	f.Task, f.Attempt = &first.Task, new(first.Attempts-1)
	f.ExitCode, f.Signal = first.ExitCode, first.Signal
	f.Reason = cmp.Or(first.Reason, f.Reason)
	if f.Reason == runwith.ReasonTimeout {
		f.Code = runwith.DeadlineExceeded.String()
	}
}

// failedTasks returns the first failed tasks of an execution, in the order of their indexes.
func failedTasks(ctx context.Context, from Evidence, e *runpb.Execution) (failed []*runpb.Task, err error) {
	most := min(int(e.GetFailedCount()), maxToldTasks)
	token := ""
	for range maxTaskPages {
		var page []*runpb.Task
		if page, token, err = from.TaskPage(ctx, e.GetName(), token); err != nil {
			break
		}
		for _, t := range page {
			if taskFailed(t) {
				failed = append(failed, t)
			}
		}
		if token == "" || len(failed) >= most {
			break
		}
	}
	slices.SortFunc(failed, func(a, b *runpb.Task) int { return int(a.GetIndex() - b.GetIndex()) })
	return failed[:min(len(failed), most)], err
}

func taskFailed(t *runpb.Task) bool {
	c := completion(t.GetConditions())
	return c.GetState() == runpb.Condition_CONDITION_FAILED && c.GetExecutionReason() != runpb.Condition_CANCELLED
}

// taskFailure returns how the last attempt of a task ended.
func taskFailure(t *runpb.Task) runwith.TaskFailure {
	last := t.GetLastAttemptResult()
	return runwith.TaskFailure{
		Task: int(t.GetIndex()), Attempts: int(t.GetRetried()) + 1, Reason: taskReason(t),
		ExitCode: int(last.GetExitCode()), Signal: int(last.GetTermSignal()), Message: last.GetStatus().GetMessage(),
	}
}

// messageOf describes the failed tasks.
func messageOf(e *runpb.Execution, failed []*runpb.Task) string {
	var parts []string
	for _, t := range failed[:min(len(failed), maxMessageTasks)] {
		parts = append(parts, taskMessage(t))
	}
	text := strings.Join(parts, "; ")
	if more := int(e.GetFailedCount()) - len(parts); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	if e.GetTaskCount() == 1 {
		return text
	}
	return fmt.Sprintf("%d of %d tasks failed: %s", e.GetFailedCount(), e.GetTaskCount(), text)
}

func taskMessage(t *runpb.Task) string {
	text := fmt.Sprintf("task %d %s in %s", t.GetIndex(), ending(t), attemptOf(t))
	if said := t.GetLastAttemptResult().GetStatus().GetMessage(); said != "" && said != exitedWithError && taskReason(t) != runwith.ReasonTimeout {
		text += ": " + strings.TrimSuffix(said, ".")
	}
	return text
}

// ending returns how the last attempt of a task ended, as a verb.
func ending(t *runpb.Task) string {
	last := t.GetLastAttemptResult()
	switch signal := int(last.GetTermSignal()); {
	case taskReason(t) == runwith.ReasonTimeout:
		return fmt.Sprintf("reached its timeout of %v", t.GetTimeout().AsDuration())
	case signal != 0:
		return "was ended by " + signalName(signal)
	case last.GetExitCode() > 128 && signals[int(last.GetExitCode())-128] != "": // by the convention of shells
		return fmt.Sprintf("exited with code %d, which stands for %s,", last.GetExitCode(), signalName(int(last.GetExitCode())-128))
	case last.GetExitCode() != 0:
		return fmt.Sprintf("exited with code %d", last.GetExitCode())
	}
	return "failed"
}

func attemptOf(t *runpb.Task) string {
	if t.GetMaxRetries() == 0 {
		return "its only attempt"
	}
	return fmt.Sprintf("attempt %d of %d", t.GetRetried()+1, t.GetMaxRetries()+1)
}

// signals are the names of Linux's signals that end programs.
var signals = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
	11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}

func signalName(n int) string {
	if name := signals[n]; name != "" {
		return fmt.Sprintf("signal %d (%s)", n, name)
	}
	return fmt.Sprintf("signal %d", n)
}
