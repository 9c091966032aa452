package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// The lock of a crashed process may last a moment longer than the process.
func TestHoldWaitsForALockThatIsReleased(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run")
	crashed, err := sqlite.Hold(path)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { _ = crashed.Close() })
	next, err := sqlite.Hold(path)
	if err != nil {
		t.Fatalf("Hold() while the lock is released = %v, want no error", err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

func TestHoldFailsIfTheLockStays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run")
	first, err := sqlite.Hold(path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := sqlite.Hold(path); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("Hold() of a held lock = %v, want FAILED_PRECONDITION", err)
	}
}
