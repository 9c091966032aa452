//go:build linux || darwin

package runwithtest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/runwithtest"
)

// inner is a test inside another test: the outer test ends it and sees its failures.
type inner struct {
	exampleT
	dir  string
	said []string
}

func newInner(t *testing.T) *inner { return &inner{exampleT: exampleT{TB: t}} }

func (t *inner) Output() io.Writer { return t.TB.Output() }
func (t *inner) TempDir() string {
	t.dir = t.TB.TempDir()
	return t.dir
}
func (t *inner) Errorf(format string, args ...any) {
	t.said = append(t.said, fmt.Sprintf(format, args...))
}
func (t *inner) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	panic(t) // so that Start does not return
}

// startRunning starts a server with one task, and returns when the task runs.
func startRunning(t *testing.T, tb testing.TB, f func(ctx context.Context, task *runwithtest.Task) error, options ...runwithtest.Option) *runwithtest.Server {
	t.Helper()
	runs := make(chan struct{})
	s := runwithtest.Start(tb, append(options,
		runwithtest.Job("worker", job(worker)),
		runwithtest.Image(worker, func(ctx context.Context, task *runwithtest.Task) error {
			close(runs)
			return f(ctx, task)
		}))...)
	jobs, err := run.NewJobsClient(t.Context(), s.GRPC()...)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	if _, err := jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: s.Parent() + "/jobs/worker"}); err != nil {
		t.Fatal(err)
	}
	<-runs
	return s
}

func TestEndStopsFunctionAndServer(t *testing.T) {
	t.Parallel()
	in, returned := newInner(t), make(chan struct{})
	s := startRunning(t, in, func(ctx context.Context, _ *runwithtest.Task) error {
		defer close(returned)
		<-ctx.Done()
		return ctx.Err()
	})
	in.end()
	select {
	case <-returned:
	default:
		t.Error("the function still runs after the end of the test")
	}
	if len(in.said) > 0 {
		t.Errorf("the inner test failed with %q, want success", in.said)
	}
	if conn, err := net.Dial("tcp", s.Addr); err == nil {
		_ = conn.Close()
		t.Errorf("the server still listens on %s", s.Addr)
	}
}

func TestEndStopsProcesses(t *testing.T) {
	t.Parallel()
	in, file := newInner(t), filepath.Join(t.TempDir(), "pid")
	process := job(worker)
	process.Template.Template.Containers[0].Command = []string{"sh", "-c", `echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 1000`, file}
	s := runwithtest.Start(in, runwithtest.Job("worker", process))
	jobs, err := run.NewJobsRESTClient(t.Context(), s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	if _, err := jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: s.Parent() + "/jobs/worker"}); err != nil {
		t.Fatal(err)
	}
	var pid int
	eventually.NoError(t, func() error {
		text, err := os.ReadFile(file)
		if err == nil {
			_, err = fmt.Sscan(string(text), &pid)
		}
		return err
	})
	in.end()
	if p, err := os.FindProcess(pid); err == nil && p.Signal(syscall.Signal(0)) == nil {
		t.Errorf("process %d still runs after the end of the test", pid)
	}
	if len(in.said) > 0 {
		t.Errorf("the inner test failed with %q, want success", in.said)
	}
}

func TestEndFailsIfAFunctionStillRuns(t *testing.T) {
	t.Parallel()
	in, release := newInner(t), make(chan struct{})
	defer close(release)
	startRunning(t, in, func(context.Context, *runwithtest.Task) error {
		<-release
		return nil
	}, runwithtest.Grace(10*time.Millisecond))
	in.end()
	if len(in.said) != 1 || !strings.Contains(in.said[0], "a function has not returned") || !strings.Contains(in.said[0], `image "`+worker+`"`) {
		t.Errorf("failures = %q, want one that names the function of %s", in.said, worker)
	}
}

func TestStartReportsAllMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		options []runwithtest.Option
		says    []string
	}{
		{[]runwithtest.Option{
			runwithtest.Image("gcr.io/p/nothing", nil),
			runwithtest.Command("gcr.io/p/echo"),
			runwithtest.Fault("RunJob: answer-lots", "listed-late=5s, p=2"),
		}, []string{
			`image "gcr.io/p/nothing": the function is nil`,
			`image "gcr.io/p/echo": names no command`,
			`fault "RunJob: answer-lots": at 9: "answer-lots" is not a fault`,
			`fault "listed-late=5s, p=2": at 19: "2" is not a probability`,
		}},
		{[]runwithtest.Option{runwithtest.Job("Worker_", job(worker))}, []string{"job Worker_: job_id"}},
		{[]runwithtest.Option{runwithtest.Job("worker", &runpb.Job{})}, []string{"job worker: template: required field not present"}},
		{[]runwithtest.Option{runwithtest.Region("Nowhere!"), runwithtest.Job("worker", job(worker))}, []string{"Nowhere!"}},
	} {
		in := newInner(t)
		func() {
			defer func() {
				if recover() != in {
					t.Error("Start returned, want it to fail the test")
				}
			}()
			runwithtest.Start(in, test.options...)
		}()
		in.end()
		for _, want := range test.says {
			if len(in.said) != 1 || !strings.Contains(in.said[0], want) {
				t.Errorf("Start failed with %q, want one failure that contains %q", in.said, want)
			}
		}
	}
}
