//go:build unix

package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner/secret"
	"github.com/runwith/runwith/internal/jobspec"
)

// store opens a folder with these files, by path below it.
func store(t *testing.T, files map[string]string) (*secret.Store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, dir
}

func TestRead(t *testing.T) {
	t.Parallel()
	s, dir := store(t, map[string]string{
		"key/1": "one", "key/2": "two\n", "key/10": "ten", "key/99.bak": "no", "key/draft": "draft",
		"none/notes": "", "large/1": strings.Repeat("x", 64<<10+1), "folder/1/file": "",
		"../outside": "outside", "empty/1": "",
	})
	for link, to := range map[string]string{"leaves/1": "../../outside", "leads/1": "../key/1"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(link)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..", filepath.Join(dir, "up")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "pipe"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe/1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, version, want string
		fault               string // in the message; empty for no error
	}{
		{"key", "1", "one", ""},
		{"key", "latest", "ten", ""},
		{"key", "", "ten", ""},
		{"projects/p/secrets/key", "2", "two\n", ""},
		{"empty", "1", "", ""},
		{"leads", "1", "one", ""},
		{"key", "3", "", dir + "/key/3; put its value into that file"},
		{"nobody", "latest", "", dir + "/nobody"},
		{"none", "latest", "", "no version in " + dir + "/none; put its value into " + dir + "/none/1"},
		{"large", "1", "", "larger than 64 KiB"},
		{"folder", "1", "", "is no file"},
		{"pipe", "1", "", "is no file"},
		{"leaves", "1", "", "cannot be read"},
		{"up", "outside", "", "cannot be read"},
		{"key", "../../outside", "", "not a version of a secret"},
		{"key", "?", "", "not a version of a secret"},
		{"..", "outside", "", "not the name of a secret"},
		{"../sec/a", "1", "", "not the name of a secret"},
		{"projects/../../etc/secrets/key", "1", "", "not the name of a secret"},
		{"", "1", "", "not the name of a secret"},
	} {
		got, err := s.Read(test.name, test.version)
		if test.fault == "" {
			if err != nil || string(got) != test.want {
				t.Errorf("Read(%q, %q) = %q, %v, want %q", test.name, test.version, got, err, test.want)
			}
			continue
		}
		if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), test.fault) {
			t.Errorf("Read(%q, %q) = %q, %v, want a FAILED_PRECONDITION with %q", test.name, test.version, got, err, test.fault)
		}
	}
}

// FuzzRead checks that no name leads to a value outside of the folder of its secret.
func FuzzRead(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "secrets")
	for name, text := range map[string]string{"secrets/key/1": "inside", "outside/1": "outside", "1": "outside"} {
		file := filepath.Join(filepath.Dir(dir), name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	s, err := secret.Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	for _, seed := range [][2]string{{"key", "1"}, {"../outside", "1"}, {"..", "1"}, {"projects/../../outside/secrets/key", ""}, {"key", "../../1"}, {"key/..", "key/1"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, version string) {
		value, err := s.Read(name, version)
		if err == nil && (string(value) != "inside" || !strings.HasSuffix(name, "key")) {
			t.Errorf("Read(%q, %q) = %q, want only the secret named key", name, version, value)
		}
	})
}

func TestNoStore(t *testing.T) {
	t.Parallel()
	var s *secret.Store
	_, err := s.Read("projects/p/secrets/key", "latest")
	if want := "--secrets DIR, and put the value into DIR/key/1"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Read without a folder = %v, want %q in it", err, want)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() = %v, want no error", err)
	}
}

func TestEnv(t *testing.T) {
	t.Parallel()
	s, _ := store(t, map[string]string{"key/1": "value"})
	ref := func(name, secret string) *runpb.EnvVar {
		return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{
			SecretKeyRef: &runpb.SecretKeySelector{Secret: secret, Version: "latest"},
		}}}
	}
	plain := &runpb.EnvVar{Name: "A", Values: &runpb.EnvVar_Value{Value: "a"}}
	container := &runpb.Container{Env: []*runpb.EnvVar{plain, ref("KEY", "key")}}
	got, err := s.Env(0, container)
	if diff := cmp.Diff(map[string]string{"A": "a", "KEY": "value"}, got); diff != "" || err != nil {
		t.Errorf("Env = %v (-want +got):\n%s", err, diff)
	}
	if err := s.CheckEnv(0, container); err != nil {
		t.Errorf("CheckEnv = %v, want no error", err)
	}
	container.Env = append(container.Env, ref("OTHER", "other"))
	const field = "template.template.containers[3].env[2].value_source: OTHER: there is no secret"
	_, err = s.Env(3, container)
	for what, err := range map[string]error{"Env": err, "CheckEnv": s.CheckEnv(3, container)} {
		if err == nil || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s = %v, want it to begin with %q", what, err, field)
		}
		if faults := jobspec.ViolationsOf(err); len(faults) != 1 {
			t.Errorf("ViolationsOf(%s) = %v, want the field, for an API that spells it otherwise", what, faults)
		}
	}
}
