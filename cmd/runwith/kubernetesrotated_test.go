//go:build unix

package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/kubetest"
)

// rotated is a script that prints numbered lines of 100 bytes: the first hundred, those up to a
// number when it may go on, and another one when it may stop.
const rotated = `lines() { awk "BEGIN { for (i = $1; i <= $2; i++) printf \"%%d %%090d\n\", i, 0 }"; }
wait_for() { until [ -e /tmp/$1 ]; do sleep 0.1; done; }
lines 1 100; wait_for more; lines 101 %d; wait_for stop; lines %d %[2]d`

// logsAreRotated runs two tasks whose logs the node rotates: one while the engine reads it, and one
// while the engine is away. Output is complete, or says where lines may be missing.
func logsAreRotated(t *testing.T, _ *kubetest.Cluster, e *podEngine) {
	burst := e.execute(t, "burst", script(fmt.Sprintf(rotated, 100_000, 100_001), 1, 0), nil) // 10 MB
	away := e.execute(t, "away", script(fmt.Sprintf(rotated, 20_000, 20_001), 1, 0), nil)
	e.awaitOutput(t, burst, "\n100 ")
	e.awaitRotation(t, burst)
	e.checkLines(t, burst, 100_001)

	e.awaitOutput(t, away, "\n100 ")
	if err := e.kill(); err != nil {
		t.Fatal(err)
	}
	e.awaitRotation(t, away)
	e.restart(t)
	if n := e.checkLines(t, away, 20_001); n != 101 {
		t.Errorf("lines = %d, want those that were printed while the engine was there, which are 101", n)
	}
	e.checkNoPods(t)
}

// checkLines lets a script end, and returns how many of its numbered lines are in the output.
func (e *podEngine) checkLines(t *testing.T, execution string, last int) (found int) {
	t.Helper()
	e.letStop(t, execution, "t0-a0-i0")
	if end := e.awaitEnd(t, execution); end.GetSucceededCount() != 1 {
		t.Errorf("tasks succeeded = %d, want 1", end.GetSucceededCount())
	}
	found, err := readLines(e.output(t, execution), last)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d lines are there", found, last)
	return found
}

// awaitRotation lets a script go on, once the node has its first line, and waits until the node has
// rotated that away.
func (e *podEngine) awaitRotation(t *testing.T, execution string) {
	t.Helper()
	client, err := kube.Connect(kube.Options{Kubeconfig: e.namespace.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	pod := e.pod(t, execution, "t0-a0-i0")
	logBegins := func(want bool) func() bool {
		return func() bool {
			log, err := client.OpenLog(t.Context(), pod, kube.LogOptions{Container: "main"})
			if err != nil {
				return false
			}
			defer log.Close()
			text, _ := bufio.NewReader(log).ReadString('\n') // an empty log has no line
			return strings.Contains(text, " 1 000") == want
		}
	}
	eventually.True(t, "the log begins with the first line", logBegins(true))
	e.namespace.Kubectl(t, "exec", pod, "--", "touch", "/tmp/more")
	eventually.True(t, "the node has rotated the log", logBegins(false))
}

// readLines returns how many numbered lines are in an output. It is an error if a line is there
// twice or out of order, or if lines are missing and no line says that they may be. The node cuts a
// line in two when it rotates the log; then, too, the output must say that something is missing.
func readLines(output string, end int) (found int, err error) {
	last, gap, cut := 0, false, false
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "runwith: output ") && strings.Contains(line, " may be missing: ") {
			gap, cut = true, false
			continue
		}
		number, _, _ := strings.Cut(line, " ")
		n, err := strconv.Atoi(number)
		if err != nil || line != fmt.Sprintf("%d %090d\n", n, 0) {
			cut = !gap
			continue
		}
		switch {
		case n <= last:
			return found, fmt.Errorf("line %d comes after line %d", n, last)
		case cut, n > last+1 && !gap:
			return found, fmt.Errorf("lines from %d to %d are missing or cut, and the output does not say so", last+1, n-1)
		}
		found++
		last, gap = n, false
	}
	if last != end {
		return found, fmt.Errorf("the last line is %d, want %d", last, end)
	}
	return found, nil
}
