package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
)

// limited returns a command that may have so many descriptors.
func limited(t *testing.T, descriptors int, args ...string) *exec.Cmd {
	t.Helper()
	needProcesses(t)
	script := fmt.Sprintf(`ulimit -n %d && exec runwith "$@"`, descriptors)
	return exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
}

// With 64 descriptors, up runs fewer tasks at once, but all of them, and keeps all output.
// Callers that take every descriptor only delay the others, and the log stays short.
func TestUpWithFewDescriptors(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	job := filepath.Join(t.TempDir(), "many.json")
	text := `{"name":"many","template":{"taskCount":40,"template":{"containers":[{"image":"sh","command":["sh","-c","echo one; sleep 0.1; echo two"]}]}}}`
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := startServer(limited(t, 64, "up", "--runner", "process", "--addr", "127.0.0.1:0", "--data", data, "--job", job), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.kill() })
	if !strings.Contains(s.said(), "only 64 file descriptors, so it runs 4 tasks at once instead of 64") {
		t.Errorf("up said %q, want a warning", s.said())
	}
	started, err := s.client().Run(t.Context(), "many", nil)
	if err != nil {
		t.Fatal(err)
	}
	// These callers never send anything, and take what descriptors there are.
	var idle []net.Conn
	for range 100 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	eventually.True(t, "no descriptor is left", func() bool { return strings.Contains(s.said(), "no file descriptor is left") })
	for _, conn := range idle {
		_ = conn.Close()
	}
	end, err := s.client().Wait(t.Context(), started.ID)
	if err != nil || end.State != runwith.StateSucceeded || end.Counts.Succeeded != 40 {
		t.Errorf("the invocation ended as %+v, %v, want 40 tasks that succeeded", end, err)
	}
	sh := shell{endpoint: s.url}
	if out := sh.ok(t, "executions", "logs", filepath.Base(end.Execution)); strings.Count(out, "one") != 40 || strings.Count(out, "two") != 40 {
		t.Errorf("the output has %d and %d lines, want 40 of each:\n%s", strings.Count(out, "one"), strings.Count(out, "two"), out)
	}
	if lines := strings.Count(s.said(), "\n"); lines > 20 {
		t.Errorf("up said %d lines, want few:\n%s", lines, s.said())
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

// Nothing that the server's parent has open reaches a task.
func TestTasksInheritNoDescriptors(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	dir := t.TempDir()
	job := filepath.Join(dir, "listing.json")
	text := `{"name":"listing","template":{"template":{"containers":[{"image":"ls","command":["ls","/proc/self/fd"]}]}}}`
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("runwith", "up", "--runner", "process", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--job", job)
	for range 5 {
		file, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	s, err := startServer(cmd, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.kill() })
	lines := strings.Fields(shell{endpoint: s.url}.ok(t, "executions", "logs", s.finish(t, "listing", nil)))
	got := slices.DeleteFunc(lines, func(word string) bool { return strings.Trim(word, "0123456789") != "" })
	if want := []string{"0", "1", "2", "3"}; !slices.Equal(got, want) { // ls has opened 3 itself
		t.Errorf("a task has the descriptors %q, want %q", got, want)
	}
}
