package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/runwith/runwith"
)

// A server that stops ends its tasks. The job does not fail, because the next server
// runs them again.
func TestStopWithTask(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	id := s.start(t)
	s.firstLine(t, id)
	if err := s.stop(); err != nil { // fails where a process is left
		t.Fatal(err)
	}
	if want := "runwith is stopping: tasks that are processes have 10s to end"; !strings.Contains(s.said(), want) {
		t.Errorf("up said %q, want also %q", s.said(), want)
	}
	s = startUp(t, s.data)
	s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateRunning })
	s.release(t)
	s.checkSettled(t, id)
}

// The sample job ends by SIGTERM, so that neither a timeout nor the server's end
// has to wait for it.
func TestTestJobEndsBySignal(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	cmd := exec.Command("runwith", "test-job")
	cmd.Env = append(os.Environ(), "SLEEP=30s")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "signal: terminated") {
		t.Errorf("test-job ended with %v, want it ended by the signal", err)
	}
}

// Nobody need listen to a server: it does not end when it writes a line.
func TestServerOutlivesItsLog(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	dir := t.TempDir()
	job := filepath.Join(dir, "refused.json")
	if err := os.WriteFile(job, []byte(`{"name":"refused","template":{"template":{"containers":[{"image":"none"}]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("runwith", "up", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--job", job)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	client := &runwith.Client{Server: readyURL(t, stderr)}
	stderr.Close()
	for range 2 { // each is worth a line
		invocation, err := client.Run(t.Context(), "refused", nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if end, err := client.Wait(ctx, invocation.ID); err != nil || end.State != runwith.StateRefused {
			t.Fatalf("Wait = %+v, %v, want it refused", end, err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("up ended with %v", err)
	}
}

// readyURL reads a server's log up to the line with its address.
func readyURL(t *testing.T, log io.Reader) string {
	t.Helper()
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if _, url, ok := strings.Cut(lines.Text(), "runwith is ready at "); ok {
			return url
		}
	}
	t.Fatal("the server ended before it was ready")
	return ""
}

// Ctrl-C cancels the job and prints so.
func TestInterruptRun(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	var stderr bytes.Buffer
	cmd := exec.Command("runwith", "run", "hold", "--server", s.url)
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "task runs\n" {
		t.Fatalf("run printed %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitInterrupted {
		t.Errorf("run ended with %v, want exit code %d", err, exitInterrupted)
	}
	id, ok := strings.CutPrefix(strings.TrimSpace(stderr.String()), "runwith: cancelling invocation ")
	if !ok {
		t.Fatalf("run said %q, want that it cancels the job", &stderr)
	}
	id, _, _ = strings.Cut(id, " ")
	s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateCancelled })
}

// cutOff ends a context when the demo has come to a step.
type cutOff struct {
	step string
	end  context.CancelFunc
}

func (c cutOff) Write(text []byte) (int, error) {
	if strings.HasPrefix(string(text), c.step) {
		c.end()
	}
	return len(text), nil
}

// A demo that is interrupted has not succeeded, and leaves nothing.
func TestInterruptDemo(t *testing.T) {
	needProcesses(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, step := range []string{"1. ", "2. ", "3. "} { // before the job is started
		ctx, end := context.WithCancel(t.Context())
		err := demo(ctx, cutOff{step, end}, slog.New(slog.DiscardHandler))
		if exit, ok := errors.AsType[*exitError](err); !ok || exit.code != exitInterrupted {
			t.Errorf("demo that was interrupted at step %q = %v, want exit code %d", step, err, exitInterrupted)
		}
	}
	checkEmpty(t, dir)
}

// A demo that cannot print fails, and leaves no files.
func TestDemoIntoClosedPipe(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	dir := t.TempDir()
	var stderr bytes.Buffer
	cmd := exec.Command("runwith", "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Stdout, cmd.Stderr = writer, &stderr
	err = cmd.Run()
	writer.Close()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitFailure || !strings.Contains(stderr.String(), "broken pipe") {
		t.Errorf("demo = %v and said %q, want exit code %d and the reason", err, &stderr, exitFailure)
	}
	checkEmpty(t, dir)
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
