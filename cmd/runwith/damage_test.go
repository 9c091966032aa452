package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/archive"
)

// Every command that opens a damaged database ends with one line that names the file and
// restore. An empty file is no new database.
func TestCommandsRefuseDamagedDatabases(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	s := startUp(t, t.TempDir())
	s.finish(t, "test-job", nil)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	commands := map[string][]string{
		"up":     {"up", "--runner", "process", "--addr", "127.0.0.1:0"},
		"engine": {"engine", "--runner", "process", "--addr", "127.0.0.1:0"},
		"serve":  {"serve", "--endpoint", "http://127.0.0.1:1", "--addr", "127.0.0.1:0", "--allow-unauthenticated"},
		"backup": {"backup", "-"},
	}
	users := map[string][]string{
		archive.EngineDatabase:  {"up", "engine", "backup"},
		archive.InvokerDatabase: {"up", "serve", "backup"},
	}
	for database, names := range users {
		whole, err := os.ReadFile(filepath.Join(s.data, database))
		if err != nil {
			t.Fatal(err)
		}
		for kind, content := range map[string][]byte{
			"empty": nil, "half": whole[:len(whole)/2], "rubbish": bytes.Repeat([]byte("rubbish "), 2000),
			"a flipped bit": append(bytes.Clone(whole[:len(whole)-50]), append([]byte{whole[len(whole)-50] ^ 1}, whole[len(whole)-49:]...)...),
		} {
			for _, name := range names {
				data := copyOf(t, s.data)
				file := filepath.Join(data, database)
				if err := os.WriteFile(file, content, 0o600); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("runwith", append(commands[name], "--data", data)...)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				err := cmd.Run()
				exit, _ := errors.AsType[*exec.ExitError](err)
				if exit == nil || exit.ExitCode() != exitFailure {
					t.Errorf("%s, %s %s: ended with %v, want exit code 1", name, kind, database, err)
				}
				said := strings.TrimSuffix(stderr.String(), "\n")
				if last := said[strings.LastIndex(said, "\n")+1:]; !strings.HasPrefix(last, "runwith: "+file+" ") || !strings.Contains(last, "runwith restore") {
					t.Errorf("%s, %s %s: said %q, want one line with the file and restore", name, kind, database, said)
				}
			}
		}
	}
}

// copyOf copies a data folder.
func copyOf(t *testing.T, data string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	return to
}

// An engine that is new beside an invoker that is not is worth a warning.
func TestUpWarnsOfALostEngine(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	s.finish(t, "test-job", nil)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	const warning = "engine.db was missing and is new, but invoker.db has invocations"
	if strings.Contains(s.said(), warning) {
		t.Errorf("up in a new folder said %q, want no warning", s.said())
	}
	for _, name := range []string{archive.EngineDatabase, archive.EngineDatabase + ".sum"} {
		if err := os.Remove(filepath.Join(s.data, name)); err != nil {
			t.Fatal(err)
		}
	}
	s = startUp(t, s.data)
	if !strings.Contains(s.said(), warning) {
		t.Errorf("up said %q, want a warning", s.said())
	}
}
