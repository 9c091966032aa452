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

// Option changes what [Start] starts.
type Option func(*config)

type config struct {
	engine emulator.Config
	jobs   []*runpb.CreateJobRequest
	rules  []string
	seed   uint64
	faults []error // of the options
}

// newConfig applies the options; its error is all that is wrong with them.
func newConfig(options []Option) (*config, error) {
	c := &config{engine: emulator.Config{Images: map[string][]string{}, Functions: map[string]function.Func{}}}
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

// Image has a function stand in for an image, in containers that name no command. It is
// called once for each attempt of a task, concurrently, and ends as the container of a
// job does:
//
//   - nil is success, exit code 0;
//   - an error in whose tree an [ExitError] is, or another error with a method
//     ExitCode() int such as [os/exec.ExitError], is that exit code;
//   - any other error is exit code 1;
//   - a panic is exit code 2, with the stack on standard error. In a goroutine that the
//     function starts it ends the test's process, as always.
//
// The text of an error goes to standard error, unless it is an ExitError itself.
//
// ctx ends when the task is to stop: at its timeout, by a cancel or at the end of the
// test. A function that has not returned when the grace is over counts as killed. It
// runs on, because nothing can end it; the test fails if it still does at its end.
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

// Command has a command of this machine stand in for an image, in containers that name
// no command of their own, as --image does for runwith engine. The container's arguments
// follow its own.
func Command(image string, command ...string) Option {
	return func(c *config) {
		if len(command) == 0 {
			c.faults = append(c.faults, fmt.Errorf("image %q: names no command", image))
		}
		c.engine.Images[image] = slices.Clone(command)
	}
}

// Job creates a job before Start returns, under the ID: what a test of code that starts
// jobs begins with. For a job of one container, only its image is needed:
//
//	runwithtest.Job("report", &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
//		Containers: []*runpb.Container{{Image: "gcr.io/p/report"}},
//	}}})
func Job(id string, job *runpb.Job) Option {
	return func(c *config) { c.jobs = append(c.jobs, &runpb.CreateJobRequest{JobId: id, Job: job}) }
}

// Project sets the project's ID, "demo" without.
func Project(id string) Option { return func(c *config) { c.engine.Project = id } }

// Region sets the region, "us-east4" without.
func Region(name string) Option { return func(c *config) { c.engine.Region = name } }

// Grace sets how long a task that is stopped has to end, 10 s without, as on Cloud Run.
func Grace(d time.Duration) Option { return func(c *config) { c.engine.Grace = d } }

// Fault lets calls and executions go wrong, by rules such as
//
//	"RunJob: answer-lost, n=1"    // the first run takes effect, and is not answered
//	"answer-503, p=0.1"           // every tenth call takes effect, and is answered with 503
//	"ListExecutions: quota-429"   // no list, and the words of Cloud Run's quota
//	"slow-start=2s"               // tasks start two seconds later
//	"listed-late=5s, n=1"         // a job's first execution is missing in lists at first
//	"failed-before-tasks"         // executions fail, and never have a task
//
// docs/faults.md says what else they can say. What is decided stands in the test's
// output.
func Fault(rules ...string) Option {
	return func(c *config) { c.rules = append(c.rules, rules...) }
}

// FaultSeed sets what decides about rules with a probability; 0 without, so that a test
// meets the same faults each time it makes the same calls.
func FaultSeed(seed uint64) Option { return func(c *config) { c.seed = seed } }
