package main

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/sqlite"
)

// TestFailedStartClosesStore checks that `up` closes the invoker's store, which it opens while
// the engine opens, if the engine cannot open.
func TestFailedStartClosesStore(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	held, err := sqlite.Hold(filepath.Join(data, "run")) // as another engine does
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	root := newRoot()
	root.SetErr(io.Discard)
	if got := execute(t.Context(), root, []string{"up", "--runner", "process", "--addr", "127.0.0.1:0", "--data", data}); got != exitFailure {
		t.Fatalf("exit code of up beside another engine = %d, want %d", got, exitFailure)
	}
	store, err := sqlite.Hold(filepath.Join(data, archive.InvokerDatabase))
	if err != nil {
		t.Fatalf("lock of the invoker's store after the failed start = %v, want it free", err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
