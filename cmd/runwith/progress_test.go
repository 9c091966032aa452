package main

import (
	"bufio"
	"io"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

func TestProgressLines(t *testing.T) {
	t.Parallel()
	const name = "projects/p/locations/r/jobs/hello/executions/hello-abcde"
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	ended := func(x *runpb.Execution, state runpb.Condition_State, message string) *runpb.Execution {
		x.Name, x.StartTime, x.CompletionTime = name, timestamppb.New(at), timestamppb.New(at.Add(1500*time.Millisecond))
		x.Conditions = []*runpb.Condition{{Type: "Completed", State: state, Message: message}}
		return x
	}
	for want, x := range map[string]*runpb.Execution{
		"hello-abcde started":          {Name: name, TaskCount: 1},
		"hello-abcde started: 3 tasks": {Name: name, TaskCount: 3},
		"hello-abcde succeeded after 1.5s": ended(&runpb.Execution{TaskCount: 1, SucceededCount: 1},
			runpb.Condition_CONDITION_SUCCEEDED, "fine"),
		"hello-abcde failed after 1.5s: two  lines (runwith logs hello-abcde)": ended(
			&runpb.Execution{TaskCount: 3, SucceededCount: 1, FailedCount: 2}, runpb.Condition_CONDITION_FAILED, "two\n\alines\n"),
		"hello-abcde cancelled after 1.5s": ended(&runpb.Execution{TaskCount: 1, CancelledCount: 1},
			runpb.Condition_CONDITION_FAILED, "cancelled"),
	} {
		if got := progressOf(x, cloudrun.StatusOf(x).Error); got != want {
			t.Errorf("progress = %q, want %q", got, want)
		}
	}
}

// The server does not wait for a reader of its lines, who learns that some are missing.
func TestProgressDoesNotBlock(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	p := newProgress(out)
	x := &runpb.Execution{Name: "projects/p/locations/r/jobs/hello/executions/hello-abcde", TaskCount: 1}
	for range 3 * progressBacklog {
		p.execution(x)
	}
	lines := bufio.NewScanner(in)
	for n := 0; lines.Scan(); n++ {
		if strings.HasSuffix(lines.Text(), "more lines; see runwith executions list)") {
			break
		}
		if n > progressBacklog {
			t.Fatal("no line tells of those that were dropped")
		}
	}
	go io.Copy(io.Discard, in)
	p.close()
}

// up prints a line when an execution starts and when it ends, with the reason of a failure.
func TestUpTellsProgress(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	s.begin(t, "test-job", &runwith.Overrides{TaskCount: 2})
	eventually.True(t, "up tells of the end", func() bool { return strings.Contains(s.said(), " succeeded after ") })
	has(t, s.said(), `test-job-\w{5} started: 2 tasks\ntest-job-\w{5} succeeded after \S+: 2 of 2 tasks succeeded`)
	id := s.begin(t, "test-job", &runwith.Overrides{Env: map[string]string{"FAIL": "3"}})
	eventually.True(t, "up tells of the failure", func() bool { return strings.Contains(s.said(), " failed after ") })
	has(t, s.said(), id+` failed after \S+: task 0 exited with code 3 in attempt 4 of 4 \(runwith logs `+id+`\)`)
}
