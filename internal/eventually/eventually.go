// Package eventually lets a test wait for something that another process or
// goroutine does. It is the only loop in the tests that polls.
package eventually

import (
	"errors"
	"testing"
	"time"
)

// Limit is how long a test waits before it fails. It is generous, because a busy
// machine is not a failure.
const Limit = 2 * time.Minute

// pause is the time between two tries.
const pause = 5 * time.Millisecond

// True waits until condition returns true. If it does not within [Limit], the
// test fails and names what it waited for: "the task runs".
func True(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if err := poll(Limit, func() error {
		if !condition() {
			return errors.New("still false")
		}
		return nil
	}); err != nil {
		t.Fatalf("waited %v in vain until %s", Limit, what)
	}
}

// NoError waits until try returns nil. If it does not within [Limit], the test
// fails with the last error.
func NoError(t testing.TB, try func() error) {
	t.Helper()
	if err := poll(Limit, try); err != nil {
		t.Fatalf("waited %v in vain: %v", Limit, err)
	}
}

// poll calls try until it returns nil, or returns its last error after limit.
func poll(limit time.Duration, try func() error) error {
	for deadline := time.Now().Add(limit); ; time.Sleep(pause) {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}
