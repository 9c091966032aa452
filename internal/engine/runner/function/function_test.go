package function_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/function"
)

// exit is an error with only an exit code.
type exit int

func (e exit) ExitCode() int { return int(e) }
func (e exit) Error() string { return fmt.Sprint("exit code ", int(e)) }

var id = runner.ID{Execution: "projects/p/locations/l/jobs/j/executions/j-abcde"}

// spec returns an attempt that calls the function of an image.
func spec(image string, args ...string) runner.Spec {
	return runner.Spec{ID: id, Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: image, Args: args}}}}
}

// start starts a function as the only attempt of a runner.
func start(t *testing.T, f function.Func, out runner.Output) *function.Runner {
	t.Helper()
	r := function.New(function.Config{Images: map[string]function.Func{"f": f}})
	if err := r.Start(t.Context(), spec("f"), out); err != nil {
		t.Fatalf("Start() = %v", err)
	}
	return r
}

func wait(t *testing.T, r runner.Runner) runner.Result {
	t.Helper()
	result, err := r.Wait(t.Context(), id)
	if err != nil {
		t.Fatalf("Wait() = %v", err)
	}
	return result
}

// The runner logs a function's error or panic.
func TestFailureIsLogged(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]function.Func{
		`error="cannot report"`: func(context.Context, *function.Call) error { return errors.New("cannot report") },
		`error="exit code 3"`:   func(context.Context, *function.Call) error { return exit(3) },
		"error=boom":            func(context.Context, *function.Call) error { panic("boom") },
		"runtime.Goexit":        func(context.Context, *function.Call) error { runtime.Goexit(); return nil },
		"":                      func(context.Context, *function.Call) error { return nil },
	} {
		var log bytes.Buffer
		r := function.New(function.Config{
			Images: map[string]function.Func{"f": f}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err := r.Start(t.Context(), spec("f"), runner.Output{}); err != nil {
			t.Fatal(err)
		}
		wait(t, r)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		got := log.String()
		if !strings.Contains(got, want) {
			t.Errorf("log = %q, want %q in it", got, want)
		}
		if want == "" && got != "" {
			t.Errorf("log of a success = %q, want nothing", got)
		}
		if place := "image=f task=0 attempt=0"; want != "" && !strings.Contains(got, place) {
			t.Errorf("log = %q, want %q in it", got, place)
		}
	}
}

func TestExitCodeOfFunction(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		f      func() error
		want   int
		stderr string // prefix of stderr; empty means no output
	}{
		"nil":                  {func() error { return nil }, 0, ""},
		"an error":             {func() error { return errors.New("no such table") }, 1, "no such table\n"},
		"an exit code":         {func() error { return exit(7) }, 7, ""},
		"exit code 0":          {func() error { return exit(0) }, 0, ""},
		"a wrapped exit code":  {func() error { return fmt.Errorf("read: %w", exit(7)) }, 7, "read: exit code 7\n"},
		"a large exit code":    {func() error { return exit(256 + 3) }, 3, ""},
		"a negative exit code": {func() error { return exit(-1) }, 255, ""},
		"a panic":              {func() error { panic("out of cheese") }, 2, "panic: out of cheese\n\ngoroutine "},
		"a panic with nil":     {func() error { panic(nil) }, 2, "panic: panic called with nil argument"}, //nolint:govet // the test needs it
		"a runtime error":      {func() error { return []error{}[len(id.Execution)] }, 2, "panic: runtime error: index out of range"},
		"the goroutine's end":  {func() error { runtime.Goexit(); return nil }, 1, "the function ended its goroutine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			r := start(t, func(context.Context, *function.Call) error { return test.f() }, runner.Output{Stderr: &stderr})
			if got := wait(t, r); got != (runner.Result{ExitCode: test.want}) {
				t.Errorf("Wait() = %+v, want exit code %d", got, test.want)
			}
			if got := stderr.String(); test.stderr == "" && got != "" || !strings.HasPrefix(got, test.stderr) {
				t.Errorf("stderr = %q, want %q", got, test.stderr)
			}
			if err := r.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
		})
	}
}

func TestPanicShowsItsStack(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	wait(t, start(t, outOfCheese, runner.Output{Stderr: &stderr}))
	if !strings.Contains(stderr.String(), "function_test.outOfCheese") {
		t.Errorf("stderr = %q, want the function's name in it", stderr.String())
	}
}

func outOfCheese(context.Context, *function.Call) error { panic("out of cheese") }

func TestCallBelongsToTheFunction(t *testing.T) {
	t.Parallel()
	template := &runpb.TaskTemplate{Containers: []*runpb.Container{{
		Image: "f", Args: []string{"a"}, Env: []*runpb.EnvVar{{Name: "MODE", Values: &runpb.EnvVar_Value{Value: "full"}}},
	}}}
	r := function.New(function.Config{Images: map[string]function.Func{"f": func(_ context.Context, call *function.Call) error {
		call.Args[0], call.Env["MODE"], call.Env["NEW"] = "changed", "changed", "new"
		return nil
	}}})
	env := map[string]string{"CLOUD_RUN_TASK_INDEX": "0"}
	if err := r.Start(t.Context(), runner.Spec{ID: id, Template: template, Env: env}, runner.Output{}); err != nil {
		t.Fatal(err)
	}
	wait(t, r)
	if c := template.Containers[0]; c.Args[0] != "a" || c.Env[0].GetValue() != "full" {
		t.Errorf("the function changed the execution's template: %v", c)
	}
	if diff := cmp.Diff(map[string]string{"CLOUD_RUN_TASK_INDEX": "0"}, env); diff != "" {
		t.Errorf("the function changed the environment that it was started with:\n%s", diff)
	}
}

// TestFunctionThatDoesNotReturn checks that such a function counts as killed, and that Close reports
// it.
func TestFunctionThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	release, late := make(chan struct{}), make(chan error, 1)
	r := start(t, func(ctx context.Context, call *function.Call) error {
		<-ctx.Done()
		fmt.Fprintln(call.Stdout, "asked")
		<-release
		_, err := fmt.Fprintln(call.Stdout, "late")
		late <- err
		return nil
	}, runner.Output{Stdout: &stdout})
	if err := r.Stop(t.Context(), id, 50*time.Millisecond); err != nil {
		t.Errorf("Stop() = %v", err)
	}
	if got := wait(t, r); got != (runner.Result{Signal: 9}) {
		t.Errorf("Wait() = %+v, want SIGKILL", got)
	}
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), `image "f", attempt `+id.String()) {
		t.Errorf("Close() = %v, want an error that names the image and the attempt", err)
	}
	close(release)
	if err := <-late; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a write after the attempt's end = %v, want os.ErrClosed", err)
	}
	if got := stdout.String(); got != "asked\n" {
		t.Errorf("stdout = %q, want what was written before the end", got)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close() once the function has returned = %v", err)
	}
}

func TestCloseReportsRunningFunctions(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := start(t, func(context.Context, *function.Call) error { <-release; return nil }, runner.Output{})
	if err := r.Close(); runwith.CodeOf(err) != runwith.Aborted {
		t.Errorf("Close() while a function runs = %v, want ABORTED", err)
	}
	other := spec("f")
	other.ID.Task = 1
	if err := r.Start(t.Context(), other, runner.Output{}); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("Start() after Close() = %v, want UNAVAILABLE", err)
	}
	close(release)
	wait(t, r)
}

// TestWritesAreSerialized checks that a function's goroutines may write concurrently, although the
// underlying writer does not allow it.
func TestWritesAreSerialized(t *testing.T) {
	t.Parallel()
	var both bytes.Buffer // the race detector sees two writes at a time
	r := start(t, func(_ context.Context, call *function.Call) error {
		var writers sync.WaitGroup
		for _, w := range []io.Writer{call.Stdout, call.Stderr, call.Stdout, call.Stderr} {
			writers.Go(func() {
				for range 100 {
					fmt.Fprintln(w, "line")
				}
			})
		}
		writers.Wait()
		return nil
	}, runner.Output{Stdout: &both, Stderr: &both})
	wait(t, r)
	if got := strings.Count(both.String(), "line\n"); got != 400 {
		t.Errorf("%d lines were written, want 400", got)
	}
}

// failing is a writer that fails and counts the writes.
type failing struct{ asked int }

func (f *failing) Write([]byte) (int, error) {
	f.asked++
	return 0, errors.New("disk full")
}

// TestFailingOutputIsDropped checks that output is dropped after a write error, and the function
// continues.
func TestFailingOutputIsDropped(t *testing.T) {
	t.Parallel()
	out := &failing{}
	r := start(t, func(_ context.Context, call *function.Call) error {
		for range 3 {
			if _, err := fmt.Fprintln(call.Stdout, "line"); err != nil {
				return err
			}
		}
		return nil
	}, runner.Output{Stdout: out})
	if got := wait(t, r); got != (runner.Result{}) || out.asked != 1 {
		t.Errorf("Wait() = %+v after %d writes, want success after 1", got, out.asked)
	}
}

// TestContextEndsWithTheFunction checks that goroutines of a function learn of its return.
func TestContextEndsWithTheFunction(t *testing.T) {
	t.Parallel()
	var within context.Context
	r := start(t, func(ctx context.Context, _ *function.Call) error {
		within = ctx //nolint:fatcontext // the test reads it afterwards
		return ctx.Err()
	}, runner.Output{})
	if got := wait(t, r); got != (runner.Result{}) {
		t.Errorf("Wait() = %+v, want success", got)
	}
	<-within.Done() // hangs if the context does not end
}

// gate is a writer that blocks until it is opened.
type gate struct{ reached, open chan struct{} }

func (g gate) Write(p []byte) (int, error) {
	close(g.reached)
	<-g.open
	return len(p), nil
}

// TestKillWaitsForTheWriter checks that an attempt does not end during a write of its output.
func TestKillWaitsForTheWriter(t *testing.T) {
	t.Parallel()
	g := gate{make(chan struct{}), make(chan struct{})}
	r := start(t, func(_ context.Context, call *function.Call) error {
		_, err := fmt.Fprintln(call.Stdout, "slow")
		return err
	}, runner.Output{Stdout: g})
	<-g.reached
	stopped := make(chan error)
	go func() { stopped <- r.Stop(t.Context(), id, 0) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := r.Wait(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait() while the writer is busy = %+v, %v; want it to wait", got, err)
	}
	close(g.open)
	if err := <-stopped; err != nil {
		t.Errorf("Stop() = %v", err)
	}
	if got := wait(t, r); got != (runner.Result{Signal: 9}) {
		t.Errorf("Wait() = %+v, want SIGKILL", got)
	}
}

func TestCheckOfFunctions(t *testing.T) {
	t.Parallel()
	r := function.New(function.Config{Images: map[string]function.Func{"f": func(context.Context, *function.Call) error { return nil }}})
	container := func(change func(*runpb.Container)) *runpb.TaskTemplate {
		template := spec("f").Template
		change(template.Containers[0])
		return template
	}
	for name, test := range map[string]struct {
		template *runpb.TaskTemplate
		says     string // empty if there is no error
	}{
		"a mapped image":       {container(func(*runpb.Container) {}), ""},
		"no meaning here":      {container(func(c *runpb.Container) { c.WorkingDir, c.Ports = "/app", []*runpb.ContainerPort{{}} }), ""},
		"an image that is not": {container(func(c *runpb.Container) { c.Image = "g" }), `template.template.containers[0]: image "g" is mapped to no function`},
		"a command":            {container(func(c *runpb.Container) { c.Command = []string{"sh"} }), "commands are not run here"},
		"a volume":             {&runpb.TaskTemplate{Containers: spec("f").Template.Containers, Volumes: []*runpb.Volume{{}}}, "template.template.volumes: a Go function in place of an image mounts no volumes"},
		"a secret": {container(func(c *runpb.Container) {
			secret := &runpb.EnvVar_ValueSource{ValueSource: &runpb.EnvVarSource{}}
			c.Env = []*runpb.EnvVar{{Name: "MODE"}, {Name: "KEY", Values: secret}}
		}), "containers[0].env[1].value_source: a Go function in place of an image reads no secrets; give KEY a value"},
		"two containers":            {&runpb.TaskTemplate{Containers: []*runpb.Container{{Image: "f"}, {Image: "f"}}}, "template.template.containers: the function runner runs exactly one container, not 2"},
		"no container, and nothing": {&runpb.TaskTemplate{}, "exactly one container, not 0"},
	} {
		err := r.Check(test.template)
		switch {
		case test.says == "" && err != nil:
			t.Errorf("%s: Check() = %v, want no error", name, err)
		case test.says != "" && (runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: Check() = %v, want FAILED_PRECONDITION that says %q", name, err, test.says)
		}
		if started := r.Start(t.Context(), runner.Spec{ID: id, Template: test.template}, runner.Output{}); (started == nil) != (err == nil) {
			t.Errorf("%s: Start() = %v, want as Check()", name, started)
		}
		if err == nil {
			wait(t, r)
		}
	}
}
