//go:build linux || darwin

package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/secret"
	"github.com/runwith/runwith/internal/eventually"
)

// run runs an attempt to its end and returns its output.
func run(t *testing.T, r *Runner, spec runner.Spec) (string, runner.Result) {
	t.Helper()
	var out bytes.Buffer
	if err := r.Start(t.Context(), spec, runner.Output{Stdout: &out, Stderr: &out}); err != nil {
		t.Fatalf("Start = %v, want no error", err)
	}
	result, err := r.Wait(t.Context(), spec.ID)
	if err != nil {
		t.Fatalf("Wait = %v, want no error", err)
	}
	return out.String(), result
}

func shell(script string) runner.Spec {
	return runner.Spec{ID: runner.ID{Execution: "e"}, Template: template("sh", "-c", script)}
}

func TestMappedImage(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir(), Images: map[string][]string{"example.com/job": {"echo", "mapped"}}})
	spec := runner.Spec{Template: template()}
	spec.Template.Containers[0].Args = []string{"a b", "c"}
	if got, _ := run(t, r, spec); got != "mapped a b c\n" {
		t.Errorf("printed %q, want %q", got, "mapped a b c\n")
	}
}

func TestWorkingDir(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir()})
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spec := shell("pwd -P")
	spec.Template.Containers[0].WorkingDir = dir
	if got, _ := run(t, r, spec); got != dir+"\n" {
		t.Errorf("pwd = %q, want %q", got, dir)
	}
	spec.Template.Containers[0].WorkingDir = filepath.Join(dir, "none")
	err = r.Start(t.Context(), spec, runner.Output{})
	if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "containers[0].working_dir") {
		t.Errorf("Start in a missing folder = %v, want FAILED_PRECONDITION with the field", err)
	}
}

// TestMetadataEnv checks that a task gets the metadata server's address, unless its job sets
// another.
func TestMetadataEnv(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir(), Metadata: "127.0.0.1:8080"})
	spec := shell(`echo "$GCE_METADATA_HOST $GCE_METADATA_IP"`)
	if got, _ := run(t, r, spec); got != "127.0.0.1:8080 127.0.0.1:8080\n" {
		t.Errorf("printed %q, want the server's address twice", got)
	}
	spec.Template.Containers[0].Env = []*runpb.EnvVar{{Name: "GCE_METADATA_HOST", Values: &runpb.EnvVar_Value{Value: "container"}}}
	spec.Env = map[string]string{"GCE_METADATA_IP": "platform"}
	if got, _ := run(t, r, spec); got != "container platform\n" {
		t.Errorf("printed %q, want the values of the job and of the platform", got)
	}
}

// The command is looked up in the PATH of the task, relative to its folder.
func TestSecretEnv(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for version, value := range map[string]string{"1": "old", "2": "new"} {
		if err := os.MkdirAll(filepath.Join(dir, "key"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "key", version), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secrets, err := secret.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := openTest(t, Config{Dir: t.TempDir(), Secrets: secrets})
	spec := shell(`echo "$FIRST $LATEST"`)
	for name, version := range map[string]string{"FIRST": "1", "LATEST": "latest"} {
		spec.Template.Containers[0].Env = append(spec.Template.Containers[0].Env, &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_ValueSource{
			ValueSource: &runpb.EnvVarSource{SecretKeyRef: &runpb.SecretKeySelector{Secret: "projects/p/secrets/key", Version: version}},
		}})
	}
	if got, _ := run(t, r, spec); got != "old new\n" {
		t.Errorf("printed %q, want the values of both versions", got)
	}
}

func TestPathOfTask(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir()})
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"bin/tool": 0o700, "bin/data": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho $PATH\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	start := func(command, path string) (string, error) {
		spec := runner.Spec{Template: template(command)}
		c := spec.Template.Containers[0]
		c.WorkingDir = dir
		c.Env = []*runpb.EnvVar{{Name: "PATH", Values: &runpb.EnvVar_Value{Value: path}}}
		if err := r.Check(spec.Template); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := r.Start(t.Context(), spec, runner.Output{Stdout: &out}); err != nil {
			return "", err
		}
		_, err := r.Wait(t.Context(), spec.ID)
		return out.String(), err
	}
	for _, test := range [][2]string{{"tool", dir + "/bin"}, {"tool", "/none:bin"}, {"./bin/tool", "/none"}} {
		if got, err := start(test[0], test[1]); err != nil || got != test[1]+"\n" {
			t.Errorf("%q with PATH %q printed %q, %v, want its PATH", test[0], test[1], got, err)
		}
	}
	for _, test := range [][2]string{{"tool", "/none"}, {"data", dir + "/bin"}, {"./bin/data", "/none"}, {"sh", "/none"}} {
		if _, err := start(test[0], test[1]); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("%q with PATH %q = %v, want a FAILED_PRECONDITION", test[0], test[1], err)
		}
	}
}

// TestHomeIsFresh checks that HOME is empty for each attempt, and soon after it, even if the attempt
// before left files that are hard to remove.
func TestHomeIsFresh(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir()})
	const list = `cd "$HOME" && ls -A | wc -l | tr -d ' '; `
	for _, litter := range []string{`mkdir -p a/b; touch a/b/c; chmod 500 a/b a`, `rmdir "$HOME"`, `chmod 777 .`, `true`, `true`} {
		if got, _ := run(t, r, shell(list+litter)); got != "0\n" {
			t.Errorf("HOME had %q entries before %q, want 0", got, litter)
		}
		awaitFree(t, r)
		homes, err := filepath.Glob(filepath.Join(r.slots.homes, "*", "*"))
		if err != nil || len(homes) > 0 {
			t.Errorf("homes after %q hold %v, %v, want nothing", litter, homes, err)
		}
	}
	if got, _ := run(t, r, shell(`stat -c %a "$HOME" 2>/dev/null || stat -f %Lp "$HOME"`)); got != "700\n" {
		t.Errorf("mode of HOME = %q, want 700", got)
	}
}

// stranger starts a process in its own group that does not belong to an attempt.
func stranger(t *testing.T) (pid int, exited <-chan struct{}) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
	})
	return cmd.Process.Pid, done
}

// TestLeftoverIdentity checks that a record needs the same boot and start time, because another
// process may have the process ID by now.
func TestLeftoverIdentity(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*record)
		spared bool
	}{
		"Same":           {func(*record) {}, false},
		"OtherStartTime": {func(rec *record) { rec.Start-- }, true},
		"OtherBoot":      {func(rec *record) { rec.Boot = "another" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, id := t.TempDir(), runner.ID{Execution: "a/b", Task: 3}
			pid, exited := stranger(t)
			before := openTest(t, Config{Dir: dir})
			p, _, err := lookProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			rec := record{ID: id.String(), Boot: before.boot, PID: pid, Start: p.start}
			test.change(&rec)
			if err := before.slots.write(0, rec); err != nil {
				t.Fatal(err)
			}
			r := openTest(t, Config{Dir: dir})
			ids, err := r.List(t.Context())
			if got := len(ids) == 0; err != nil || got != test.spared {
				t.Errorf("List() = %v, %v, want it empty: %t", ids, err, test.spared)
			}
			if _, err := r.Wait(t.Context(), id); !errors.Is(err, runner.ErrLost) {
				t.Errorf("Wait = %v, want ErrLost", err)
			}
			if !test.spared {
				<-exited
				return
			}
			if p, dead, err := lookProcess(pid); err != nil || dead {
				t.Errorf("the stranger %v is dead (%t, %v), want it spared", p, dead, err)
			}
		})
	}
}

// awaitFree waits until no attempt has a slot.
func awaitFree(t *testing.T, r *Runner) {
	t.Helper()
	eventually.True(t, "all slots are free", func() bool {
		r.slots.mu.Lock()
		defer r.slots.mu.Unlock()
		return len(r.slots.free) == r.slots.count
	})
}

// TestSlotsAreReused checks that a slot is free soon after its attempt has ended.
func TestSlotsAreReused(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Dir: t.TempDir()})
	for range 5 {
		run(t, r, shell("exit 1"))
		awaitFree(t, r)
	}
	if r.slots.count != 1 {
		t.Errorf("%d slots after attempts one by one, want 1", r.slots.count)
	}
}

func TestParseSlots(t *testing.T) {
	t.Parallel()
	slot := func(s string) string { return s + strings.Repeat("\x00", slotSize-len(s)) }
	b := slot("\n") + slot(`{"id":"e/0/0/0","boot":"b","pid":7,"start":9}`+"\n") + slot(`{"id":"e/0/0/0","boo`) + slot("\n{}") + `{"id":"e/1/0/0","pid":8}`
	got := parseSlots([]byte(b))
	if len(got) != 2 || got[1] != (record{ID: "e/0/0/0", Boot: "b", PID: 7, Start: 9}) || got[4].PID != 8 {
		t.Errorf("parseSlots = %+v, want those of slots 1 and 4", got)
	}
}

// TestFoldersAreApart checks that a Runner ignores markers of another data folder.
func TestFoldersAreApart(t *testing.T) {
	t.Parallel()
	one, two := openTest(t, Config{Dir: t.TempDir()}), openTest(t, Config{Dir: t.TempDir()})
	spec := shell("sleep 1000")
	if err := one.Start(t.Context(), spec, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Wait(t.Context(), spec.ID); !errors.Is(err, runner.ErrLost) {
		t.Errorf("Wait = %v, want ErrLost", err)
	}
	if ids, err := one.List(t.Context()); err != nil || len(ids) != 1 {
		t.Errorf("List() = %v, %v, want the attempt", ids, err)
	}
	if err := one.Stop(t.Context(), spec.ID, 0); err != nil {
		t.Errorf("Stop = %v, want no error", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	r, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	spec := shell("sleep 1000")
	if err := r.Start(t.Context(), spec, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Errorf("Close() with an attempt that runs = %v, want no error", err)
		}
	}
	other := runner.Spec{ID: runner.ID{Execution: "other"}, Template: spec.Template}
	if err := r.Start(t.Context(), other, runner.Output{}); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("Start after Close = %v, want UNAVAILABLE", err)
	}
	if err := r.Stop(context.WithoutCancel(t.Context()), spec.ID, 0); err != nil {
		t.Errorf("Stop after Close = %v, want no error", err)
	}
}
