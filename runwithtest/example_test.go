//go:build linux || darwin

package runwithtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"
	runv2 "google.golang.org/api/run/v2"

	"github.com/runwith/runwith/runwithtest"
)

// exampleT replaces *testing.T in examples.
type exampleT struct {
	testing.TB
	cleanups []func()
}

// begin returns a replacement for a test's *testing.T, and a function that ends the test.
func begin() (t *exampleT, end func()) {
	t = &exampleT{}
	return t, t.end
}

func (t *exampleT) end() {
	for len(t.cleanups) > 0 {
		last := t.cleanups[len(t.cleanups)-1]
		t.cleanups = t.cleanups[:len(t.cleanups)-1]
		last()
	}
}

func (t *exampleT) Helper()                  {}
func (t *exampleT) Output() io.Writer        { return io.Discard }
func (t *exampleT) Context() context.Context { return context.Background() }
func (t *exampleT) Cleanup(f func())         { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }
func (t *exampleT) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf(format, args...))
}
func (t *exampleT) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (t *exampleT) TempDir() string {
	dir, err := os.MkdirTemp("", "runwithtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// job returns a job with one container, whose tasks are attempted up to twice.
func job(image string) *runpb.Job {
	return &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: image}},
		Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 1},
	}}}
}

// Google's own client starts a job and waits for it. A Go function replaces the image.
func Example() {
	t, end := begin() // in a test, use its t
	defer end()

	s := runwithtest.Start(t,
		runwithtest.Job("report", job("gcr.io/p/report")),
		runwithtest.Image("gcr.io/p/report", func(_ context.Context, task *runwithtest.Task) error {
			fmt.Println("report for", task.Env["TENANT"], "with", task.Args)
			return nil
		}))
	jobs, err := run.NewJobsClient(t.Context(), s.GRPC()...)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	op, err := jobs.RunJob(t.Context(), &runpb.RunJobRequest{
		Name: s.Parent() + "/jobs/report",
		Overrides: &runpb.RunJobRequest_Overrides{ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{{
			Args: []string{"--month", "may"},
			Env:  []*runpb.EnvVar{{Name: "TENANT", Values: &runpb.EnvVar_Value{Value: "acme"}}},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	execution, err := op.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(execution.SucceededCount, "task succeeded")
	// Output:
	// report for acme with [--month may]
	// 1 task succeeded
}

// A failed task is retried as often as its job allows. The operation of a failed
// execution ends with an error.
func ExampleImage() {
	t, end := begin()
	defer end()

	s := runwithtest.Start(t,
		runwithtest.Job("import", job("gcr.io/p/import")),
		runwithtest.Image("gcr.io/p/import", func(_ context.Context, task *runwithtest.Task) error {
			fmt.Println("attempt", task.Attempt)
			if task.Attempt == 0 {
				return errors.New("no such table") // exit code 1
			}
			return runwithtest.ExitError{Code: 3}
		}))
	jobs, err := run.NewJobsRESTClient(t.Context(), s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	op, err := jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: s.Parent() + "/jobs/import"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err == nil {
		t.Fatal("the job succeeded")
	}
	execution, err := op.Metadata()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(execution.FailedCount, "failed,", execution.RetriedCount, "retried")
	// Output:
	// attempt 0
	// attempt 1
	// 1 failed, 1 retried
}

// After a lost answer the caller cannot tell whether the job started. Here it did.
func ExampleFault() {
	t, end := begin()
	defer end()

	s := runwithtest.Start(t,
		runwithtest.Job("report", job("gcr.io/p/report")),
		runwithtest.Image("gcr.io/p/report", func(context.Context, *runwithtest.Task) error { return nil }),
		runwithtest.Fault("RunJob: answer-lost, n=1"))
	jobs, err := run.NewJobsClient(t.Context(), s.GRPC()...)
	if err != nil {
		t.Fatal(err)
	}
	defer jobs.Close()
	executions, err := run.NewExecutionsClient(t.Context(), s.GRPC()...)
	if err != nil {
		t.Fatal(err)
	}
	defer executions.Close()
	name := s.Parent() + "/jobs/report"

	_, err = jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: name})
	fmt.Println("answered:", err == nil)
	started := 0
	for all := executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: name}); ; started++ {
		if _, err := all.Next(); errors.Is(err, iterator.Done) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("started:", started)
	// Output:
	// answered: false
	// started: 1
}

// The options for REST work with all of Google's REST clients.
func ExampleServer_REST() {
	t, end := begin()
	defer end()

	s := runwithtest.Start(t, runwithtest.Job("report", job("gcr.io/p/report")))
	service, err := runv2.NewService(t.Context(), s.REST()...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := service.Projects.Locations.Jobs.List(s.Parent()).Do()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(strings.TrimPrefix(list.Jobs[0].Name, s.Parent()))
	// Output: /jobs/report
}
