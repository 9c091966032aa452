//go:build unix

package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// failingJob is a job with two attempts of a task, which runs a shell script.
func failingJob(t *testing.T, program, script, more string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "failing.yaml")
	content := `name: failing
template:
  template:
    maxRetries: 1
` + more + `
    containers:
      - image: test-job
        command: [` + program + `, -c]
        args: ['` + script + `']
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// outcome starts the job and returns its end.
func (s *server) outcome(t *testing.T, job string) *runwith.Invocation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	end, err := s.client().Run(ctx, job, nil)
	if err == nil {
		end, err = s.client().Wait(ctx, end.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// TestProcessFailures has a task fail in each way that a process can, and checks what the
// invoker tells.
func TestProcessFailures(t *testing.T) {
	t.Parallel()
	const attempts = "echo attempt $CLOUD_RUN_TASK_ATTEMPT >&2; "
	for name, test := range map[string]struct {
		program, script, more string
		flags                 []string
		want                  runwith.Failure // without Tasks, which repeats the other fields
		message               string
	}{
		"exit": {script: attempts + "exit 3", message: "task 0 exited with code 3 in attempt 2 of 2", want: runwith.Failure{
			Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Task: new(0), Attempt: new(1), ExitCode: 3, Stderr: []string{"attempt 1"},
		}},
		"signal": {script: attempts + "kill -ALRM $$", message: "task 0 was ended by signal 14 (SIGALRM) in attempt 2 of 2", want: runwith.Failure{
			Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Task: new(0), Attempt: new(1), Signal: 14, Stderr: []string{"attempt 1"},
		}},
		"killed": {script: attempts + "kill -KILL $$", message: "exited with code 137, which stands for signal 9 (SIGKILL),", want: runwith.Failure{
			Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Task: new(0), Attempt: new(1), ExitCode: 137, Stderr: []string{"attempt 1"},
		}},
		"timeout": {script: attempts + "exec sleep 60", more: "    timeout: 1s", message: "task 0 reached its timeout of 1s in attempt 2 of 2", want: runwith.Failure{
			Code: "DEADLINE_EXCEEDED", Reason: runwith.ReasonTimeout, Task: new(0), Attempt: new(1), Signal: 15, Stderr: []string{"attempt 1"},
		}},
		"long output": {script: "seq -w 20 >&2; head -c 3000 /dev/zero | tr \"\\\\0\" x >&2; exit 1", message: "exited with code 1", want: runwith.Failure{
			Code: "ABORTED", Reason: runwith.ReasonNonZeroExitCode, Task: new(0), Attempt: new(1), ExitCode: 1,
			Stderr: []string{"12", "13", "14", "15", "16", "17", "18", "19", "20", strings.Repeat("x", 1000) + "..."},
		}},
		"no program": {program: "./none", message: "Application failed to start: ", want: runwith.Failure{
			Code: "ABORTED", Reason: runwith.ReasonStartFailed, Task: new(0), Attempt: new(1),
		}},
		"image": {script: "", flags: faultArgs([]string{"failed-before-tasks"}), message: "Image 'test-job' not found.", want: runwith.Failure{
			Code: "NOT_FOUND", Reason: runwith.ReasonImagePull,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startUp(t, t.TempDir(), append(test.flags, "--job", failingJob(t, cmp.Or(test.program, "sh"), test.script, test.more))...)
			end := s.outcome(t, "failing")
			if end.Error == nil || !strings.Contains(end.Error.Message, test.message) {
				t.Fatalf("invocation = %+v with %+v, want an error that says %q", end, end.Error, test.message)
			}
			got := *end.Error
			got.Message, got.Tasks = "", nil
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			shown := shell{}.ok(t, "invocations", "describe", end.ID, "--server", s.url)
			for _, part := range append(got.Stderr, string(got.Reason)+": ", test.message) {
				if !strings.Contains(shown, part) {
					t.Errorf("describe shows\n%swant %q in it", shown, part)
				}
			}
		})
	}
}

// TestContainerFailures has a container reach its memory limit, and an image be missing.
func TestContainerFailures(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	images := serveImages(t, testImages(t))
	for name, test := range map[string]struct {
		image, more string
		code        string
		want        runwith.Reason
		message     string
	}{
		"memory": {"host:1", `
        command: [sh, -c, 'x=$(head -c 300m /dev/zero | tr "\0" x)']
        resources: {limits: {memory: 128Mi}}
        volumeMounts: [{name: usr, mountPath: /usr}]`, "ABORTED", runwith.ReasonOutOfMemory, "The configured memory limit was reached"},
		"no image": {"none:1", "", "NOT_FOUND", runwith.ReasonImagePull, "none:1' not found."},
		"no program": {"host:1", `
        command: [/none]`, "ABORTED", runwith.ReasonStartFailed, "Application failed to start: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "failing.yaml")
			content := "name: failing\ntemplate:\n  template:\n    maxRetries: 0\n    volumes: [{name: usr, gcs: {bucket: usr, readOnly: true}}]\n" +
				"    containers:\n      - image: " + images + test.image + test.more
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			s := startContainers(t, filepath.Join(t.TempDir(), "data"), "--buckets", "/", "--job", file)
			t.Cleanup(func() { _ = s.stop() })
			got := s.outcome(t, "failing").Error
			if got == nil {
				t.Fatal("the outcome has no error")
			}
			if got.Code != test.code {
				t.Errorf("code = %s, want %s", got.Code, test.code)
			}
			if got.Reason != test.want {
				t.Errorf("reason = %s, want %s", got.Reason, test.want)
			}
			if !strings.Contains(got.Message, test.message) {
				t.Errorf("message = %q, want %q in it", got.Message, test.message)
			}
		})
	}
}
