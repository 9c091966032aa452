package eventually

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// failed records the failure of a test.
type failed struct {
	testing.TB
	said string
}

func (f *failed) Helper() {}

func (f *failed) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failure runs a test and returns its failure, or "" if it passed.
func failure(test func(testing.TB)) string {
	var f failed
	var done sync.WaitGroup
	done.Go(func() { test(&f) })
	done.Wait()
	return f.said
}

func TestTrueWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		True(t, "a second has passed", func() bool { return time.Since(begin) >= time.Second })
		if waited := time.Since(begin); waited > time.Second+pause {
			t.Errorf("True returned %v after the condition held, want at most %v", waited-time.Second, pause)
		}
	})
}

func TestTrueFailsAtTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		said := failure(func(t testing.TB) { True(t, "the task runs", func() bool { return false }) })
		if want := "waited 2m0s in vain until the task runs"; said != want {
			t.Errorf("True of what never holds: the test failed with %q, want %q", said, want)
		}
	})
}

func TestNoErrorReportsTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		said := failure(func(t testing.TB) {
			NoError(t, func() error {
				if tries++; tries > 1 {
					return errors.New("the second")
				}
				return errors.New("the first")
			})
		})
		if want := "waited 2m0s in vain: the second"; said != want {
			t.Errorf("NoError: the test failed with %q, want %q", said, want)
		}
	})
}

func TestNoErrorWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		NoError(t, func() error {
			if tries++; tries < 3 {
				return errors.New("too early")
			}
			return nil
		})
		if tries != 3 {
			t.Errorf("NoError tried %d times, want 3", tries)
		}
	})
}
