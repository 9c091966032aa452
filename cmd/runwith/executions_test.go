package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
)

// begin starts a job and returns the ID of its execution.
func (s *server) begin(t *testing.T, job string, o *runwith.Overrides) string {
	t.Helper()
	started, err := s.client().Run(t.Context(), job, o)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	s.waitFor(t, started.ID, func(i *runwith.Invocation) bool {
		id = path.Base(i.Execution)
		return i.Execution != ""
	})
	return id
}

// finish starts a job and waits for its end.
func (s *server) finish(t *testing.T, job string, o *runwith.Overrides) string {
	t.Helper()
	id := s.begin(t, job, o)
	shell{endpoint: s.url}.ok(t, "executions", "logs", "-f", id)
	return id
}

func TestListExecutions(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	sh := shell{endpoint: s.url}
	sh.stdin = "name: short\ntemplate: {taskCount: 2, template: {maxRetries: 0, containers: [{image: test-job}]}}"
	sh.ok(t, "jobs", "apply", "-f", "-")
	good := s.finish(t, "short", nil)
	bad := s.finish(t, "short", &runwith.Overrides{Env: map[string]string{"FAIL": "3"}})
	runs := s.begin(t, "hold", nil)
	eventually.True(t, "the task runs", func() bool { return len(taskProcesses(s.data)) > 0 })

	text := sh.ok(t, "executions", "list")
	has(t, text, `EXECUTION +JOB +STATE +TASKS +CREATED +TOOK`,
		runs+` +hold +running +0/1 +\ds ago +\S+s`, bad+` +short +failed +0/2, 2 failed +\d+s ago +\S+s`, good+` +short +succeeded +2/2 +\d+s ago +\S+s`)
	if !slices.IsSorted([]int{strings.Index(text, runs), strings.Index(text, bad), strings.Index(text, good)}) {
		t.Errorf("executions are not newest first:\n%s", text)
	}
	newest := list(t, sh, emptyExecution, "executions", "list", "--limit", "2")
	if len(newest) != 2 || path.Base(newest[0].GetName()) != runs || path.Base(newest[1].GetName()) != bad {
		t.Errorf("the newest two executions = %v, want %s and %s", newest, runs, bad)
	}
	for _, job := range []string{"short", "projects/demo/locations/us-east4/jobs/short"} {
		var got []string
		for _, x := range list(t, sh, emptyExecution, "executions", "list", "--job", job) {
			got = append(got, path.Base(x.GetName()))
		}
		if diff := cmp.Diff([]string{bad, good}, got); diff != "" {
			t.Errorf("executions of %s differ (-want +got):\n%s", job, diff)
		}
	}
	_, stderr := sh.run(t, exitFailure, "executions", "list", "--job", "none")
	has(t, stderr, `runwith: job none does not exist in .*`)

	text = sh.ok(t, "executions", "describe", bad)
	has(t, text, "Execution "+bad, "  Job +short", "  State +failed after .*", "Failure",
		"  Reason +NonZeroExitCode: 2 of 2 tasks failed: task 0 exited with code 3 in its only attempt; task 1 exited with code 3 in its only attempt", "Tasks", "  Count +2", "  Failed +2", "  Running +0",
		"Conditions", `  Completed +failed +\ds ago +Task .* failed with message: .*`, "Container", "  Environment +FAIL=3")
	has(t, text, "  Invocation +[0-9a-f-]{36}", "  Output +runwith logs "+bad)
	for _, hidden := range []string{"RUNWITH_", "console.cloud.google.com"} {
		if strings.Contains(text, hidden) {
			t.Errorf("describe shows %s:\n%s", hidden, text)
		}
	}
	has(t, sh.ok(t, "executions", "describe", runs), "  State +running for .*s")
}

func TestCancelAndDeleteExecutions(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	sh := shell{endpoint: s.url}
	first, second := s.begin(t, "hold", nil), s.begin(t, "hold", nil)
	eventually.True(t, "both tasks run", func() bool {
		return len(slices.Compact(slices.Sorted(slices.Values(taskProcesses(s.data))))) == 2
	})

	has(t, sh.ok(t, "executions", "cancel", first), "execution "+first+" cancelled")
	has(t, sh.ok(t, "executions", "describe", first), "  State +cancelled after .*")
	has(t, sh.ok(t, "executions", "delete", "projects/demo/locations/us-east4/jobs/hold/executions/"+second), "execution "+second+" deleted")
	if left := taskProcesses(s.data); len(left) > 0 {
		t.Errorf("after both ended there are %q", left)
	}
	has(t, sh.ok(t, "executions", "delete", first, "--async"), "execution "+first+" is being deleted: projects/.*/operations/.*")
	if text := sh.ok(t, "executions", "list", "--json"); text != "[]\n" {
		t.Errorf("executions = %s, want none", text)
	}
	for _, command := range []string{"describe", "cancel", "delete", "logs"} {
		_, stderr := sh.run(t, exitFailure, "executions", command, "hold-nope")
		has(t, stderr, `runwith: execution hold-nope does not exist in .*: list them with runwith executions list, .*`)
	}

	s.release(t)
	ended := s.finish(t, "hold", nil)
	_, stderr := sh.run(t, exitFailure, "executions", "cancel", ended)
	has(t, stderr, "runwith: execution .* has ended: it succeeded, and there is nothing left to cancel")
}

func TestLogs(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	sh := shell{endpoint: s.url, stdin: `
name: talk
template:
  taskCount: 3
  template:
    containers: [{image: x, command: [sh, -c, 'echo "out <$CLOUD_RUN_TASK_INDEX>"; echo "err $CLOUD_RUN_TASK_INDEX" >&2']}]
`}
	sh.ok(t, "jobs", "apply", "-f", "-")
	id := s.finish(t, "talk", nil)
	sorted := func(text string) string {
		lines := strings.SplitAfter(text, "\n")
		slices.Sort(lines)
		return strings.Join(lines, "")
	}
	out, stderr := sh.run(t, exitOK, "executions", "logs", id)
	if got, want := sorted(out), "[0.0] out <0>\n[1.0] out <1>\n[2.0] out <2>\n"; got != want {
		t.Errorf("standard output = %q, want %q", got, want)
	}
	if got, want := sorted(stderr), "[0.0] err 0\n[1.0] err 1\n[2.0] err 2\n"; got != want {
		t.Errorf("standard error = %q, want %q", got, want)
	}
	out, stderr = sh.run(t, exitOK, "executions", "logs", id, "--task", "1")
	if out != "out <1>\n" || stderr != "err 1\n" {
		t.Errorf("task 1 = %q and %q, want its lines as they were printed", out, stderr)
	}
	out, stderr = sh.run(t, exitOK, "executions", "logs", "-f", id, "--task", "2", "--json")
	var streams []string
	for text := range strings.Lines(out) {
		var line runwith.LogLine
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		if line.Task != 2 {
			t.Errorf("task of line %q = %d, want 2", text, line.Task)
		}
		if line.Time.IsZero() {
			t.Errorf("line %q has no time", text)
		}
		streams = append(streams, line.Stream+" "+line.Text)
	}
	slices.Sort(streams)
	if diff := cmp.Diff([]string{"stderr err 2", "stdout out <2>"}, streams); diff != "" || stderr != "" {
		t.Errorf("lines differ (-want +got):\n%s%s", diff, stderr)
	}
	_, stderr = sh.run(t, exitUsage, "executions", "logs", id, "--task", "3")
	has(t, stderr, "runwith: --task 3: the last task of "+id+" is 2")
}

// A follower shows lines as they come, also those of a server that was restarted,
// and ends with the execution.
func TestFollowLogs(t *testing.T) {
	t.Parallel()
	checkFollower(t, func(s *server, address string) *follower { return follow(t, s.begin(t, "hold", nil), address) })
}

// logs -f continues after the last line when the invoker has restarted.
func TestFollowInvocation(t *testing.T) {
	t.Parallel()
	checkFollower(t, func(s *server, address string) *follower {
		return startFollower(t, "logs", "-f", s.start(t), "--server", address)
	})
}

// checkFollower restarts the server of a job that begin starts and follows, and checks that
// each line comes once. begin gets an address that leads to whichever server runs.
func checkFollower(t *testing.T, begin func(s *server, address string) *follower) {
	t.Helper()
	s := startHolding(t)
	var address atomic.Value
	address.Store(s.addr())
	f := begin(s, forward(t, &address))
	f.line(t, "task runs\n")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if said, err := f.err.ReadString('\n'); err != nil || !strings.HasSuffix(said, "; trying again\n") {
		t.Fatalf("without a server the follower says %q, %v", said, err)
	}
	s = startUp(t, s.data)
	address.Store(s.addr())
	f.line(t, "task runs\n") // its next incarnation
	s.release(t)
	rest, err := io.ReadAll(f.out)
	if ended := f.Wait(); ended != nil || err != nil || len(rest) > 0 {
		t.Errorf("follower ended with %v, behind %q, %v", ended, rest, err)
	}
}

// Ctrl-C ends the follower, not the execution.
func TestInterruptFollower(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	id := s.begin(t, "hold", nil)
	f := follow(t, id, s.url)
	f.line(t, "task runs\n")
	if err := f.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(); f.ProcessState.ExitCode() != exitInterrupted {
		t.Errorf("follower ended with %v, want exit code %d", err, exitInterrupted)
	}
	has(t, shell{endpoint: s.url}.ok(t, "executions", "describe", id), "  State +running for .*s")
}

// follower is a process that follows a log.
type follower struct {
	*exec.Cmd
	out, err *bufio.Reader
}

func follow(t *testing.T, id, endpoint string) *follower {
	t.Helper()
	return startFollower(t, "executions", "logs", "-f", id, "--endpoint", endpoint)
}

func startFollower(t *testing.T, args ...string) *follower {
	t.Helper()
	f := &follower{Cmd: exec.Command("runwith", args...)}
	out, err := f.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := f.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	f.out, f.err = bufio.NewReader(out), bufio.NewReader(said)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Process.Kill() })
	return f
}

func (f *follower) line(t *testing.T, want string) {
	t.Helper()
	if line, err := f.out.ReadString('\n'); err != nil || line != want {
		t.Fatalf("line = %q, %v, want %q", line, err, want)
	}
}

// forward returns an endpoint that leads to an address, which may change.
func forward(t *testing.T, address *atomic.Value) (endpoint string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", address.Load().(string))
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(out, in)
					_ = out.Close()
				}()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}
