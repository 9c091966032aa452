package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

// A backup of a busy server is complete and does not disturb it. A server on the
// restored folder continues the running executions.
func TestBackupOfARunningServer(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	sh := shell{endpoint: s.url, stdin: "name: short\ntemplate: {template: {containers: [{image: test-job}]}}"}
	sh.ok(t, "jobs", "apply", "-f", "-")
	ended := s.finish(t, "short", &runwith.Overrides{Args: []string{"hello"}})
	accepted := s.start(t)
	s.firstLine(t, accepted)
	before := list(t, sh, emptyExecution, "executions", "list")

	busy, idle := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(idle)
		for {
			select {
			case <-busy:
				return
			default:
			}
			if _, err := s.client().Run(t.Context(), "short", nil); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	var file string
	for i := range 3 {
		file = filepath.Join(t.TempDir(), fmt.Sprint(i, ".tar"))
		if out, stderr := sh.local(t, exitOK, "backup", file, "--data", s.data); out != "" || !strings.HasPrefix(stderr, "backed up ") {
			t.Errorf("backup says %q and %q", out, stderr)
		}
	}
	close(busy)
	<-idle
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode of the backup = %v, %v, want 0600", info.Mode(), err)
	}
	if there, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*")); err != nil || len(there) != 1 {
		t.Errorf("beside the backup there is %v, %v", there, err)
	}

	data := filepath.Join(t.TempDir(), "restored")
	sh.local(t, exitOK, "restore", file, "--data", data)
	restored := startUp(t, data)
	other := shell{endpoint: restored.url}
	eventually.True(t, "the task runs again", func() bool { return len(taskProcesses(data)) > 0 })
	after := list(t, other, emptyExecution, "executions", "list")
	// Executions from before the backup are the same, except for the running one.
	diff := cmp.Diff(before, after[max(0, len(after)-len(before)):], protocmp.Transform(),
		protocmp.IgnoreFields(emptyExecution(), "update_time", "etag", "running_count", "annotations"))
	if diff != "" {
		t.Errorf("executions differ after the restore (-before +after):\n%s", diff)
	}
	want, got := sh.ok(t, "executions", "logs", ended), other.ok(t, "executions", "logs", ended)
	if want != got || !strings.Contains(got, "ARG: hello") {
		t.Errorf("log of %s after the restore = %q, want %q", ended, got, want)
	}
	s.release(t)
	s.checkSettled(t, accepted)
	restored.checkSettled(t, accepted) // it waits for the same file
}

// local runs a command line that speaks to no Cloud Run.
func (s shell) local(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	return shell{stdin: s.stdin}.run(t, code, args...)
}

// sampleArchive returns the backup of a folder whose server has ended, from standard
// output.
func sampleArchive(t *testing.T) []byte {
	t.Helper()
	s := startUp(t, t.TempDir())
	s.finish(t, "test-job", nil)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, _ := shell{}.run(t, exitOK, "backup", "-", "--data", s.data)
	return []byte(text)
}

// A restored invoker without an engine is marked under the name that the invoker looks
// for.
func TestRestoreMarksAnInvokerAlone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	shell{stdin: string(sampleArchive(t))}.run(t, exitOK, "restore", "-", "--data", folder)
	if err := os.Remove(filepath.Join(folder, archive.EngineDatabase)); err != nil {
		t.Fatal(err)
	}
	text, _ := shell{}.run(t, exitOK, "backup", "-", "--data", folder)
	alone := t.TempDir()
	shell{stdin: text}.run(t, exitOK, "restore", "-", "--data", alone)
	if _, err := os.Stat(filepath.Join(alone, archive.InvokerDatabase+sqlite.RestoredSuffix)); err != nil {
		t.Errorf("the mark: %v, want it there", err)
	}
}

// A store that moved to PostgreSQL is not served from a backup either: the same work would start
// twice.
func TestRestoredStoreThatMovedIsNotServed(t *testing.T) {
	t.Parallel()
	moved, restored := t.TempDir(), t.TempDir()
	shell{stdin: string(sampleArchive(t))}.run(t, exitOK, "restore", "-", "--data", moved)
	store, err := sqlite.Open(t.Context(), filepath.Join(moved, archive.InvokerDatabase))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Moved("postgres://db.example.com/runwith"), store.Close()); err != nil {
		t.Fatal(err)
	}
	text, said := shell{}.run(t, exitOK, "backup", "-", "--data", moved)
	if !strings.Contains(said, "has moved to PostgreSQL") {
		t.Errorf("backup says %q, want that the store has moved", said)
	}
	shell{stdin: text}.run(t, exitOK, "restore", "-", "--data", restored)
	_, err = sqlite.Open(t.Context(), filepath.Join(restored, archive.InvokerDatabase))
	if err == nil || !strings.Contains(err.Error(), "has moved to postgres://db.example.com/runwith") {
		t.Errorf("open the restored store: %v, want that it has moved", err)
	}
}
