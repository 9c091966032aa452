//go:build linux || darwin

package emulator_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/engine/fault"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/function"
	"github.com/runwith/runwith/internal/testneed"
)

// open opens an engine; the caller closes it.
func open(t *testing.T, c emulator.Config) *emulator.Engine {
	t.Helper()
	c.Dir, c.Addr, c.Project, c.Region = t.TempDir(), "127.0.0.1:8080", "demo", "us-east4"
	c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	e, err := emulator.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// gRPC's own transport is faster than a handler but cannot lose answers.
func TestGRPCTransport(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		plan *fault.Plan
		own  bool
	}{
		{nil, true},
		{fault.New(0), true},
		{fault.New(0, fault.Rule{Kind: fault.FailedBeforeTasks}), true},
		{fault.New(0, fault.Rule{Kind: fault.AnswerLost}), false},
	} {
		e := open(t, emulator.Config{Faults: test.plan})
		if own := e.Site().GRPC != nil; own != test.own {
			t.Errorf("plan %+v: own transport = %v, want %v", test.plan, own, test.own)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Orphans of a task may outlive it briefly, but not Close.
func TestCloseEndsOrphans(t *testing.T) {
	t.Parallel()
	testneed.Tool(t, "setsid")
	e := open(t, emulator.Config{})
	name := create(t, e, &runpb.Container{Image: "sh", Command: []string{"sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 & exit 0"}})
	for range 3 {
		op, err := e.Engine.RunJob(t.Context(), &runpb.RunJobRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if op, err = e.Engine.WaitOperation(t.Context(), &longrunningpb.WaitOperationRequest{Name: op.Name}); err != nil || op.GetResponse() == nil {
			t.Fatalf("the run ended with %v, %v", op, err)
		}
	}
	if err := e.Close(); err != nil {
		t.Errorf("Close() = %v, want no error", err)
	}
}

// create creates a job of one container.
func create(t *testing.T, e *emulator.Engine, c *runpb.Container) (name string) {
	t.Helper()
	const parent = "projects/demo/locations/us-east4"
	job := &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{c}}}}
	if _, err := e.Engine.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "job", Job: job}); err != nil {
		t.Fatal(err)
	}
	return parent + "/jobs/job"
}

func TestCloseReportsAHangingFunction(t *testing.T) {
	t.Parallel()
	runs, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	e := open(t, emulator.Config{Grace: 1, Functions: map[string]function.Func{
		"stubborn": func(context.Context, *function.Call) error {
			close(runs)
			<-release
			return nil
		},
	}})
	name := create(t, e, &runpb.Container{Image: "stubborn"})
	if _, err := e.Engine.RunJob(t.Context(), &runpb.RunJobRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	<-runs
	if err := e.Close(); err == nil || !strings.Contains(err.Error(), "a function has not returned") {
		t.Errorf("Close() = %v, want it to tell of the function", err)
	}
}

// TestContainersKnowTheGrace checks that the runner of containers learns how long tasks have to
// end, because a Pod's own grace is fixed when it is made.
func TestContainersKnowTheGrace(t *testing.T) {
	t.Parallel()
	for set, want := range map[time.Duration]time.Duration{0: engine.DefaultGrace, time.Minute: time.Minute} {
		var got time.Duration
		e := open(t, emulator.Config{Grace: set, Containers: func(_ context.Context, of emulator.Surroundings) (emulator.Containers, error) {
			got = of.Grace
			return nil, nil //nolint:nilnil // tasks run as processes
		}})
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if got != want {
			t.Errorf("grace of containers with Config.Grace %v = %v, want %v", set, got, want)
		}
	}
}

// A second engine on a folder must not remove tasks of the first.
func TestOpenOfLockedFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := emulator.Config{Dir: dir, Addr: "127.0.0.1:8080", Project: "demo", Region: "us-east4", Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	first, err := emulator.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "run", "homes", "7") // as of a task that is about to start
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	c.Containers = func(context.Context, emulator.Surroundings) (emulator.Containers, error) {
		t.Error("the second engine looks for containers of the first")
		return nil, nil
	}
	second, err := emulator.Open(t.Context(), c)
	if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "stop that process") {
		t.Errorf("Open() on a folder that is held = %v, %v, want FAILED_PRECONDITION and what to do", second, err)
	}
	if _, err := os.Stat(home); err != nil {
		t.Errorf("the second engine took a home folder of the first: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	c.Containers = nil
	third, err := emulator.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("Open() after Close() = %v, want no error", err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

// noDaemon is a container runner whose daemon does not answer.
type noDaemon struct{ runner.Runner }

func (noDaemon) Ready(context.Context) error {
	return runwith.Errorf(runwith.Unavailable, "the daemon does not answer")
}
func (noDaemon) Capabilities(*runpb.TaskTemplate) runner.Capabilities { return runner.Capabilities{} }
func (noDaemon) List(context.Context) ([]runner.ID, error)            { return nil, nil }
func (noDaemon) Close() error                                         { return nil }

func TestReady(t *testing.T) {
	t.Parallel()
	ready := func(e *emulator.Engine) error {
		for _, check := range e.Site().Checks {
			if err := check(t.Context()); err != nil {
				return err
			}
		}
		return nil
	}
	e := open(t, emulator.Config{})
	if err := ready(e); err != nil {
		t.Errorf("Ready() = %v, want no error", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ready(e); runwith.CodeOf(err) != runwith.Unavailable {
		t.Errorf("Ready() with a closed store = %v, want UNAVAILABLE", err)
	}
	e = open(t, emulator.Config{Containers: func(context.Context, emulator.Surroundings) (emulator.Containers, error) { return noDaemon{}, nil }})
	defer e.Close()
	if err := ready(e); err == nil || err.Error() != "the daemon does not answer" {
		t.Errorf("Ready() without a daemon = %v, want its reason", err)
	}
}
