package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner"
)

func TestEndingOfAnAttempt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		result runner.Result
		cause  error
		want   state
		status string
	}{
		{"exit 0", runner.Result{}, nil, succeeded, ""},
		{"exit 3", runner.Result{ExitCode: 3}, nil, failed, exitedWithError},
		{"ended by a signal", runner.Result{Signal: 9}, nil, failed, exitedWithError},
		{"timeout, and then exit 0", runner.Result{}, errTimeout, failed, timedOut},
		{"timeout, and then SIGKILL", runner.Result{Signal: 9}, errTimeout, failed, timedOut},
		{"stopped, and then exit 0", runner.Result{}, errStopped, cancelled, "The task was cancelled."},
	} {
		got := endingOf(test.result, test.cause)
		if got.state != test.want || got.status != test.status || got.result != test.result {
			t.Errorf("%s: endingOf() = %+v, want %s with status %q", test.name, got, test.want, test.status)
		}
	}
	if got, err := endingOfStart(errors.New("no such file"), nil); err != nil || got.state != failed || got.status != "Application failed to start: no such file." {
		t.Errorf("endingOfStart() = %+v, want a failure that names the cause", got)
	}
	if got, err := endingOfStart(context.Canceled, errStopped); err != nil || got.state != cancelled {
		t.Errorf("endingOfStart() of a stopped execution = %+v, %v, want it cancelled", got, err)
	}
	if _, err := endingOfStart(context.Canceled, errClosing); !errors.Is(err, errClosing) {
		t.Errorf("endingOfStart() while the engine closes = %v, want errClosing", err)
	}
}

func TestNextStateOfATask(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		end              state
		attempt, retries int
		stop             stopReason
		want             state
		retry            bool
	}{
		{succeeded, 0, 3, notStopped, succeeded, false},
		{failed, 0, 0, notStopped, failed, false},
		{failed, 0, 1, notStopped, pending, true},
		{failed, 1, 1, notStopped, failed, false},
		{failed, 0, 3, stopCancel, failed, false},
		{cancelled, 0, 3, stopCancel, cancelled, false},
		{cancelled, 0, 3, stopDelete, cancelled, false},
	} {
		got, retry := ending{state: test.end}.next(test.attempt, test.retries, test.stop)
		if got != test.want || retry != test.retry {
			t.Errorf("%s.next(%d, %d, %q) = %s, %v, want %s, %v", test.end, test.attempt, test.retries, test.stop, got, retry, test.want, test.retry)
		}
	}
}

func TestVerdictOfAnExecution(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		counts counts
		want   state
	}{
		{counts{tasks: 2, running: 2}, running},
		{counts{tasks: 2, succeeded: 1}, running},
		{counts{tasks: 2, succeeded: 1, failed: 1}, failed},
		{counts{tasks: 2, succeeded: 2, retried: 4}, succeeded},
		{counts{tasks: 2, succeeded: 1, cancelled: 1}, cancelled},
		{counts{tasks: 2, failed: 1, cancelled: 1}, cancelled},
	} {
		if got := test.counts.verdict(); got != test.want {
			t.Errorf("%+v.verdict() = %s, want %s", test.counts, got, test.want)
		}
	}
}
