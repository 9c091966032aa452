//go:build unix

package runnertest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// Harness is a runner under test, over data of its own.
type Harness struct {
	// Runner is open. The test's cleanup closes it.
	Runner runner.Runner
	// Crash places the specs from another process over the same data, kills that
	// process with SIGKILL, and returns a Runner that was opened after that. The test's
	// cleanup closes it. Runner must not be used any more.
	Crash func(t *testing.T, specs ...runner.Spec) runner.Runner
	// Reopen opens another Runner over the same data, once Runner has let go of its
	// attempts. The test's cleanup closes it. A Runner whose attempts do not outlive it
	// needs none.
	Reopen func(t *testing.T) runner.Runner
	// Task is the command that runs the suite's program in an attempt: see [Task].
	Task []string
	// Image is set in each template.
	Image string
	// Env are the names that the runner itself adds to an attempt's environment.
	Env []string
	// InProcess: attempts run in the process of the runner, so that they have no command
	// and start no children. Task is empty then, and the runner calls [Do] for Image.
	InProcess bool
	// SignalsAsCodes: an attempt that a signal ended has an exit code of 128 and the
	// signal's number, as in a container.
	SignalsAsCodes bool
	// Merged: both streams come as stdout, line by line, in no order across the two.
	Merged bool
	// LosesCR: a \r before a \n is lost.
	LosesCR bool
	// Linger is how long a task waits after it has printed much. A busy container runtime drops
	// output that it has not read within seconds of a task's end.
	Linger time.Duration
	// Burst is how many bytes of output in a burst are sure to arrive; 0 is no limit.
	Burst int
}

// Run holds a runner to the contract, or to a part of it: the tests whose names begin with one
// of the words of only. Each test has a Harness of its own.
func Run(t *testing.T, open func(t *testing.T) Harness, only ...string) {
	for name, test := range map[string]func(*testing.T, Harness){
		"ExitCode":               testExitCode,
		"Args":                   testArgs,
		"Env":                    testEnv,
		"OutputLarge":            testOutputLarge,
		"OutputBytes":            testOutputBytes,
		"OutputWriterFails":      testOutputWriterFails,
		"OutputSlowWriter":       testOutputSlowWriter,
		"StartTwice":             testStartTwice,
		"StartTwiceAtOnce":       testStartTwiceAtOnce,
		"StartMany":              testStartMany,
		"StartNoCommand":         testStartNoCommand,
		"Running":                testRunning,
		"WaitCancelled":          testWaitCancelled,
		"WaitForgets":            testWaitForgets,
		"WaitUnknown":            testWaitUnknown,
		"Release":                testRelease,
		"ReleaseEarly":           testReleaseEarly,
		"EndOfMainEndsAll":       testEndOfMainEndsAll,
		"StopHonoured":           testStopHonoured,
		"StopEscalates":          testStopEscalates,
		"StopUnknown":            testStopUnknown,
		"StopEndsAll":            testStopEndsAll,
		"StopCancelled":          testStopCancelled,
		"Detach":                 testDetach,
		"DetachUnknown":          testDetachUnknown,
		"ListOwn":                testListOwn,
		"CrashWait":              testCrashWait,
		"CrashStop":              testCrashStop,
		"CrashOfOtherExecutions": testCrashSparesOthers,
	} {
		if len(only) > 0 && !slices.ContainsFunc(only, func(word string) bool { return strings.HasPrefix(name, word) }) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// id is an attempt's ID. Its execution's name has slashes, as real ones have.
func id(task int) runner.ID {
	return runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/j-abcde", Task: task}
}

// spec is an attempt that runs a task of the suite's program.
func (h Harness) spec(task int, args ...string) runner.Spec {
	return h.command(task, h.Task, args...)
}

func (h Harness) command(task int, command []string, args ...string) runner.Spec {
	return runner.Spec{ID: id(task), Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: h.Image, Command: slices.Clone(command), Args: args}},
	}}
}

// outlives reports whether the runner's attempts outlive it.
func (h Harness) outlives() bool {
	return h.Runner.Capabilities(h.spec(0).Template).Outlives
}

// killed is the end of an attempt by SIGKILL.
func (h Harness) killed() runner.Result {
	if h.SignalsAsCodes {
		return runner.Result{ExitCode: 128 + int(syscall.SIGKILL)}
	}
	return runner.Result{Signal: int(syscall.SIGKILL)}
}

// start starts an attempt and returns its output.
func (h Harness) start(t *testing.T, spec runner.Spec) *output {
	t.Helper()
	if err := h.Runner.Check(spec.Template); err != nil {
		t.Fatalf("Check(%v) = %v, want no error", spec.Template, err)
	}
	return start(t, h.Runner, spec)
}

func start(t *testing.T, r runner.Runner, spec runner.Spec) *output {
	t.Helper()
	out := newOutput(t)
	if err := r.Start(t.Context(), spec, out.both()); err != nil {
		t.Fatalf("Start(%v) = %v, want no error", spec.ID, err)
	}
	t.Cleanup(func() { stop(t, r, spec.ID) })
	return out
}

// place starts an attempt and returns why it does not run, whichever method reports it.
func place(t *testing.T, r runner.Runner, spec runner.Spec) error {
	t.Helper()
	if err := r.Start(t.Context(), spec, newOutput(t).both()); err != nil {
		return err
	}
	_, err := r.Running(t.Context(), spec.ID)
	r.Release(spec.ID)
	return err
}

// stop ends an attempt at once.
func stop(t *testing.T, r runner.Runner, id runner.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	if err := r.Stop(ctx, id, 0); err != nil {
		t.Errorf("Stop(%v) = %v, want no error", id, err)
	}
}

// limit is how long anything may take. Only a fault reaches it.
const limit = 2 * time.Minute

// wait waits for an attempt's end, releases the attempt, and checks the end. It ignores OutOfMemory and Ran, which
// the runner's own tests check.
func wait(t *testing.T, r runner.Runner, id runner.ID, want runner.Result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	got, err := r.Wait(ctx, id)
	r.Release(id)
	got.OutOfMemory, got.Ran = want.OutOfMemory, want.Ran
	if err != nil || got != want {
		t.Fatalf("Wait(%v) = %+v, %v, want %+v", id, got, err, want)
	}
}

// waitLost waits for an attempt that cannot be there any more.
func waitLost(t *testing.T, r runner.Runner, id runner.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if got, err := r.Wait(ctx, id); !errors.Is(err, runner.ErrLost) {
		t.Fatalf("Wait(%v) = %+v, %v, want ErrLost", id, got, err)
	}
}

// checkList compares the runner's list with the IDs.
func checkList(t *testing.T, when string, r runner.Runner, want ...runner.ID) {
	t.Helper()
	got, err := r.List(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("List() %s = %v, %v, want %v", when, got, err, want)
	}
}

func number(n int) string { return strconv.Itoa(n) }
