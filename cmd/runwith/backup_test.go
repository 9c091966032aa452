package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker"
)

// A backup that is taken while executions begin, run and end holds what there was,
// and the server does not notice. One that is restored goes on with what ran.
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
	// What was there before the backup is the same, but for the one that runs, and its time.
	diff := cmp.Diff(before, after[max(0, len(after)-len(before)):], protocmp.Transform(),
		protocmp.IgnoreFields(emptyExecution(), "update_time", "etag", "running_count"))
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

func TestBackupToStandardOutput(t *testing.T) {
	t.Parallel()
	archive := sampleArchive(t)
	if names := strings.Join(namesIn(t, archive), " "); !strings.HasPrefix(names, "invoker.db engine.db logs/") || !strings.HasSuffix(names, ".log backup.json") {
		t.Errorf("the archive holds %s", names)
	}
	data := t.TempDir()
	shell{stdin: string(archive)}.run(t, exitOK, "restore", "-", "--data", data)
	again, _ := shell{}.run(t, exitOK, "backup", "-", "--data", data)
	if diff := cmp.Diff(namesIn(t, archive), namesIn(t, []byte(again))); diff != "" {
		t.Errorf("archive of what was restored differs (-want +got):\n%s", diff)
	}
}

// sampleArchive is the backup of a folder whose server has ended.
func sampleArchive(t *testing.T) []byte {
	t.Helper()
	s := startUp(t, t.TempDir())
	s.finish(t, "test-job", nil)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	archive, _ := shell{}.run(t, exitOK, "backup", "-", "--data", s.data)
	return []byte(archive)
}

func namesIn(t *testing.T, archive []byte) (names []string) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

// The store of an invoker whose Cloud Run has gone on since the backup is marked, so
// that the invoker reads back what it does not know; one with its engine is not.
func TestRestoreMarksAnInvokerAlone(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	shell{stdin: string(sampleArchive(t))}.run(t, exitOK, "restore", "-", "--data", whole)
	if _, err := os.Stat(markOf(whole)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mark beside an engine = %v, want none", err)
	}
	if err := os.Remove(filepath.Join(whole, engineDatabase)); err != nil {
		t.Fatal(err)
	}
	archive, _ := shell{}.run(t, exitOK, "backup", "-", "--data", whole)
	alone := t.TempDir()
	shell{stdin: archive}.run(t, exitOK, "restore", "-", "--data", alone)
	if info, err := os.Stat(markOf(alone)); err != nil || info.Mode() != 0o600 {
		t.Errorf("the mark = %v, %v, want it there, 0600", info, err)
	}
}

func markOf(data string) string { return filepath.Join(data, invokerDatabase+invoker.RestoredSuffix) }

// An archive that is not whole leaves the folder empty, wherever it is cut.
func TestRestoreOfAnArchiveThatIsCutOff(t *testing.T) {
	t.Parallel()
	archive := sampleArchive(t)
	data := t.TempDir()
	for at := 0; at < len(archive)-1024; at += 512 * 3 { // behind it are zeros alone
		if _, err := restore(t.Context(), "-", bytes.NewReader(archive[:at]), data); err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Fatalf("restore of %d bytes = %v, want an error that says cut off", at, err)
		}
		checkEmpty(t, data)
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	file := func(names ...string) string {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for _, name := range names {
			header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 2, Mode: 0o600}
			if to, link := strings.CutPrefix(name, "link "); link {
				header = &tar.Header{Typeflag: tar.TypeSymlink, Name: "logs/x.log", Linkname: to}
			}
			if err := w.WriteHeader(header); err != nil {
				t.Fatal(err)
			}
			if header.Size > 0 {
				if _, err := w.Write([]byte("{}")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return write(t, "bad.tar", out.String())
	}
	parent := t.TempDir()
	data := filepath.Join(parent, "data")
	for file, want := range map[string]string{
		file("../escaped"):                            `"../escaped" is in it`,
		file("/tmp/escaped"):                          `"/tmp/escaped" is in it`,
		file("logs/../../escaped.log"):                `escaped.log" is in it`,
		file("logs/sub/x.log"):                        `"logs/sub/x.log" is in it`,
		file("link ../escaped", "logs/x.log"):         `"logs/x.log" is in it`,
		file("engine.db", "engine.db"):                `exists`,
		file("engine.db"):                             `cut off`,
		file("engine.db", "backup.json"):              `format 0`,
		write(t, "text", "text that is no tar"):       `cut off`,
		write(t, "zeros", strings.Repeat("gz", 4096)): `no archive of runwith backup`,
		filepath.Join(parent, "none"):                 `no such file`,
	} {
		_, stderr := shell{}.run(t, exitFailure, "restore", file, "--data", data)
		if !strings.Contains(stderr, want) {
			t.Errorf("restore says %q, want %q", stderr, want)
		}
	}
	checkEmpty(t, data)
	if there, err := os.ReadDir(parent); err != nil || len(there) != 1 {
		t.Errorf("beside the folder there is %v, %v", there, err)
	}

	kept := filepath.Join(data, "kept")
	if err := os.WriteFile(kept, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := write(t, "whole.tar", string(sampleArchive(t)))
	_, stderr := shell{}.run(t, exitFailure, "restore", whole, "--data", data)
	has(t, stderr, `runwith: restore .*: .*data is not empty: name an empty folder, or a new one, with --data`)
	if there, err := os.ReadDir(data); err != nil || len(there) != 1 {
		t.Errorf("the folder holds %v, %v; want its one file", there, err)
	}
}

func TestBackupReplacesNothing(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	file := write(t, "state.tar", "mine")
	_, stderr := shell{}.run(t, exitFailure, "backup", file, "--data", s.data)
	has(t, stderr, `runwith: .*state\.tar exists: name another file, or say --force to replace it`)
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q, %v; want what was there", text, err)
	}
	shell{}.run(t, exitOK, "backup", file, "--data", s.data, "--force")
	if text, err := os.ReadFile(file); err != nil || !slices.Contains(namesIn(t, text), "engine.db") {
		t.Errorf("after --force the file holds no backup: %v", err)
	}

	// One that another backup writes is left alone.
	if err := os.WriteFile(file+".tmp", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr = shell{}.run(t, exitFailure, "backup", file, "--data", s.data, "--force")
	has(t, stderr, `runwith: open .*state\.tar\.tmp: file exists: another backup is being written, or one was cut short: remove it then`)

	empty := t.TempDir()
	_, stderr = shell{}.run(t, exitFailure, "backup", filepath.Join(empty, "state.tar"), "--data", filepath.Join(empty, "data"))
	has(t, stderr, `runwith: .*data has no state of runwith in it: name its folder with --data`)
	checkEmpty(t, empty)
}
