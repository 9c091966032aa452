//go:build unix

package runnertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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
	// Runner is open, and closed by the test's cleanup.
	Runner runner.Runner
	// Crash places the specs from another process over the same data, kills that
	// process with SIGKILL, and returns a Runner that was opened after that; it
	// is closed by the test's cleanup. Runner must not be used any more.
	Crash func(t *testing.T, specs ...runner.Spec) runner.Runner
	// Task is the command that calls [Main] inside an attempt.
	Task []string
	// Image is set in each template.
	Image string
	// Env are the names that the runner itself adds to an attempt's environment.
	Env []string
	// Adopts says that an attempt outlives the process that placed it.
	Adopts bool
	// Escapes says that a process that calls setsid is not found and not ended.
	Escapes bool
	// InProcess says that attempts are no processes, but run in that of the runner: they
	// have no command, cannot be killed, and are gone with it. Task is empty then, and
	// the runner is to call [Do] for Image.
	InProcess bool
	// Init says that the main process is the first of its namespace, as in a container:
	// no signal from inside ends it, and what does is told as an exit code.
	Init bool
	// Template, where it is set, completes each template, so that attempts see the
	// machine's files: the task's command, the test's sockets, and a shell.
	Template func(*runpb.TaskTemplate)
}

// Run holds a runner to the contract. Each test gets a Harness of its own.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"ExitCode":               testExitCode,
		"Signal":                 testSignal,
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
		"WaitCancelled":          testWaitCancelled,
		"WaitForgets":            testWaitForgets,
		"WaitUnknown":            testWaitUnknown,
		"WaitHeldPipe":           testWaitHeldPipe,
		"EndOfMainEndsAll":       testEndOfMainEndsAll,
		"StopHonoured":           testStopHonoured,
		"StopEscalates":          testStopEscalates,
		"StopUnknown":            testStopUnknown,
		"StopTree":               testStopTree,
		"StopCancelled":          testStopCancelled,
		"ListOwn":                testListOwn,
		"CrashWait":              testCrashWait,
		"CrashGone":              testCrashGone,
		"CrashStop":              testCrashStop,
		"CrashOfOtherExecutions": testCrashSparesOthers,
	} {
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

// spec is an attempt that runs a task of [Main].
func (h Harness) spec(task int, args ...string) runner.Spec {
	return h.command(task, h.Task, args...)
}

// needProcesses skips a test of what only processes do.
func (h Harness) needProcesses(t *testing.T) {
	t.Helper()
	if h.InProcess {
		t.Skip("attempts are no processes here")
	}
}

// mayEscape is the argument that has a task start a process that calls setsid.
func (h Harness) mayEscape() string { return strconv.FormatBool(!h.Escapes) }

// family are the names of the processes that a task then starts beside itself.
func (h Harness) family() []string {
	if h.Escapes {
		return []string{"member"}
	}
	return []string{"member", "escaped"}
}

// shell is an attempt that runs a shell script.
func (h Harness) shell(task int, script string) runner.Spec {
	return h.command(task, []string{"sh", "-c", script})
}

func (h Harness) command(task int, command []string, args ...string) runner.Spec {
	template := &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: h.Image, Command: slices.Clone(command), Args: args}},
	}
	if h.Template != nil {
		h.Template(template)
	}
	return runner.Spec{ID: id(task), Template: template}
}

// needOrphans skips a test of what outlives the main process.
func (h Harness) needOrphans(t *testing.T) {
	t.Helper()
	if h.Init {
		t.Skip("nothing outlives the main process here, not even for a moment")
	}
}

// killed is how an attempt ends by SIGKILL.
func (h Harness) killed() runner.Result {
	if h.Init {
		return runner.Result{ExitCode: 128 + int(syscall.SIGKILL)}
	}
	return runner.Result{Signal: int(syscall.SIGKILL)}
}

// start starts an attempt and returns what it prints.
func (h Harness) start(t *testing.T, spec runner.Spec) *output {
	t.Helper()
	out := newOutput(t)
	if err := h.Runner.Check(spec.Template); err != nil {
		t.Fatalf("Check(%v) = %v, want no error", spec.Template, err)
	}
	if err := h.Runner.Start(t.Context(), spec, out.both()); err != nil {
		t.Fatalf("Start(%v) = %v, want no error", spec.ID, err)
	}
	t.Cleanup(func() { stop(t, h.Runner, spec.ID) })
	return out
}

// stop ends an attempt after a test, whatever became of it.
func stop(t *testing.T, r runner.Runner, id runner.ID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	if err := r.Stop(ctx, id, 0); err != nil {
		t.Errorf("Stop(%v) after the test = %v, want no error", id, err)
	}
}

// limit is how long anything may take. It is never reached but by a fault.
const limit = 2 * time.Minute

// wait waits for an attempt's end and checks how it ended. Whether memory was the
// cause of it is the runner's own tests' to check.
func wait(t *testing.T, r runner.Runner, id runner.ID, want runner.Result) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	got, err := r.Wait(ctx, id)
	got.OutOfMemory = want.OutOfMemory
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

// list returns the runner's list.
func list(t *testing.T, r runner.Runner) []runner.ID {
	t.Helper()
	ids, err := r.List(t.Context())
	if err != nil {
		t.Fatalf("List() = %v, want no error", err)
	}
	return ids
}

// scratch returns a short path for the test's sockets and files, which attempts
// see under the same name.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "runnertest") //nolint:usetesting // the name of t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// lines returns how many lines a file has, 0 for none.
func lines(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func number(n int) string { return strconv.Itoa(n) }

func join(dir, name string) string { return filepath.Join(dir, name) }
