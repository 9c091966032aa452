package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/eventually"
)

// startOther starts a server of a command, and ends it after the test.
func startOther(t *testing.T, command string, args ...string) *server {
	t.Helper()
	data := t.TempDir()
	s, err := startServer(exec.Command("runwith", append([]string{command, "--addr", "127.0.0.1:0", "--data", data}, args...)...), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.kill() })
	return s
}

// Commands whose --server or --endpoint is the other kind of server say so.
func TestServersThatAreTakenForTheOther(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	engine := startOther(t, "engine", "--runner", "process")
	strict := startOther(t, "engine", "--runner", "process", "--require-auth")
	invoker := startOther(t, "serve", "--endpoint", engine.url)
	for _, line := range []string{"jobs list", "executions list", "operations list", "executions logs test-job-abcde"} {
		_, stderr := shell{endpoint: invoker.url}.run(t, exitFailure, strings.Fields(line)...)
		has(t, stderr, `runwith: 127\.0\.0\.1:\d+ is an invoker, not an engine: correct --endpoint`)
	}
	for _, server := range []string{engine.url, strict.url} {
		for _, line := range []string{"run test-job", "invocations list", "schedules list"} {
			_, stderr := shell{}.run(t, exitFailure, append(strings.Fields(line), "--server", server)...)
			has(t, stderr, `runwith: http://127\.0\.0\.1:\d+ is an engine, not an invoker: start runwith up instead, or runwith serve --endpoint http://127\.0\.0\.1:\d+`)
		}
	}
	lost := startOther(t, "serve", "--endpoint", invoker.url)
	eventually.True(t, "serve warns of its endpoint", func() bool { return strings.Contains(lost.said(), "is an invoker, not an engine: correct --endpoint") })
}
