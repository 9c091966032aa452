package runwithtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/engine/fault"
	"github.com/runwith/runwith/internal/engine/runner/function"
)

// Option configures the server of [Start].
type Option func(*config)

type config struct {
	engine emulator.Config
	jobs   []*runpb.CreateJobRequest
	rules  []string
	seed   uint64
	faults []error // of the options
}

// newConfig applies the options. Its error joins all mistakes in them.
func newConfig(options []Option) (*config, error) {
	c := &config{engine: emulator.Config{InGoTest: true, Images: map[string][]string{}, Functions: map[string]function.Func{}}}
	for _, option := range options {
		option(c)
	}
	c.engine.Project = cmp.Or(c.engine.Project, "demo")
	c.engine.Region = cmp.Or(c.engine.Region, "us-east4")
	var rules []fault.Rule
	for _, text := range c.rules {
		rule, err := fault.Parse(text)
		if err != nil {
			c.faults = append(c.faults, fmt.Errorf("fault %q: %w", text, err))
		}
		rules = append(rules, rule)
	}
	if len(rules) > 0 {
		c.engine.Faults = fault.New(c.seed, rules...)
	}
	return c, errors.Join(c.faults...)
}

// Image replaces an image by a Go function, in containers without a command. The engine
// calls f once for each attempt of a task, concurrently. The result is the exit code of
// the container:
//
//   - nil is exit code 0, success;
//   - an error whose tree contains an [ExitError], or another error with a method
//     ExitCode() int such as [os/exec.ExitError], is that exit code;
//   - any other error is exit code 1;
//   - a panic is exit code 2, with the stack on standard error. A panic in a goroutine
//     that f started ends the test's process, as usual.
//
// The error's text is written to standard error, unless the error itself is an ExitError.
//
// ctx ends when the task must stop: at its timeout, when it is cancelled, and at the end
// of the test. If f has not returned after the grace period, the attempt counts as
// killed. f itself keeps running, because nothing can stop it; the test fails if f is
// still running at its end.
func Image(image string, f func(ctx context.Context, task *Task) error) Option {
	return func(c *config) {
		if f == nil {
			c.faults = append(c.faults, fmt.Errorf("image %q: the function is nil", image))
		}
		c.engine.Functions[image] = func(ctx context.Context, call *function.Call) error {
			return f(ctx, newTask(call))
		}
	}
}

// Command replaces an image by a command of this machine, in containers without a
// command, like --image of runwith engine. The container's arguments are appended.
func Command(image string, command ...string) Option {
	return func(c *config) {
		if len(command) == 0 {
			c.faults = append(c.faults, fmt.Errorf("image %q: names no command", image))
		}
		c.engine.Images[image] = slices.Clone(command)
	}
}

// Job creates a job with the ID before Start returns. A job with one container needs only
// an image:
//
//	runwithtest.Job("report", &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
//		Containers: []*runpb.Container{{Image: "gcr.io/p/report"}},
//	}}})
func Job(id string, job *runpb.Job) Option {
	return func(c *config) { c.jobs = append(c.jobs, &runpb.CreateJobRequest{JobId: id, Job: job}) }
}

// Project sets the project's ID. The default is "demo".
func Project(id string) Option { return func(c *config) { c.engine.Project = id } }

// Region sets the region. The default is "us-east4".
func Region(name string) Option { return func(c *config) { c.engine.Region = name } }

// Grace sets the time between asking a task to stop and killing it. The default is 10 s,
// as on Cloud Run.
func Grace(d time.Duration) Option { return func(c *config) { c.engine.Grace = d } }

// Fault injects faults into calls and executions, by rules such as
//
//	"RunJob: answer-lost, n=1"    // the first RunJob takes effect, but its answer is lost
//	"answer-503, p=0.1"           // every tenth call takes effect, but answers 503
//	"ListExecutions: quota-429"   // lists fail with Cloud Run's quota error
//	"CreateJob: not-done=200ms"   // the job is not ready for 200 ms
//	"slow-start=2s"               // tasks start two seconds late
//	"listed-late=5s, n=1"         // lists omit a job's first execution for 5 seconds
//	"failed-before-tasks"         // executions fail before they have a task
//
// docs/faults.md describes all rules. The test's output shows each decision.
func Fault(rules ...string) Option {
	return func(c *config) { c.rules = append(c.rules, rules...) }
}

// FaultSeed sets the seed for rules with a probability. The default is 0, so a test that
// makes the same calls meets the same faults.
func FaultSeed(seed uint64) Option { return func(c *config) { c.seed = seed } }
