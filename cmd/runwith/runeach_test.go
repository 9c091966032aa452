package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/runwith/runwith"
)

// TestInterruptEach checks that Ctrl-C cancels the invocations of all lines. The last line is
// refused, so the first message means that the lines before it were accepted.
func TestInterruptEach(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	cmd := exec.Command("runwith", "run", "hold", "--each", "-", "--server", s.url)
	cmd.Stdin = strings.NewReader("{}\n{}\n" + `{"env":{"PORT":"1"}}`)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stderr)
	if line, err := said.ReadString('\n'); !strings.HasPrefix(line, "runwith: standard input:3: ") {
		t.Fatalf("run said %q, %v, want that it refuses line 3", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(said)
	if want := "runwith: cancelled 2 of 2 invocations that had not ended; 2 lines had been sent\n"; err != nil || string(rest) != want {
		t.Errorf("run said %q, %v after Ctrl-C, want %q", rest, err, want)
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitInterrupted {
		t.Errorf("run ended with %v, want exit code %d", err, exitInterrupted)
	}
	for i, err := range s.client().Invocations(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		s.waitFor(t, i.ID, func(i *runwith.Invocation) bool { return i.State == runwith.StateCancelled })
	}
}
