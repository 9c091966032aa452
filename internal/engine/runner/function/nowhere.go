package function

import (
	"context"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/runner"
)

// nowhere is the next Runner if the configuration names none. It refuses every template.
type nowhere struct{}

func (nowhere) String() string { return "no other runner" }

func (nowhere) Capabilities(*runpb.TaskTemplate) runner.Capabilities { return runner.Capabilities{} }

func (nowhere) Check(template *runpb.TaskTemplate) error {
	containers := template.GetContainers()
	if len(containers) != 1 {
		return runner.CheckPlain(template, "the function runner", "")
	}
	return runner.Refuse("containers[0]", "image %q is mapped to no function, and commands are not run here; name an image that is mapped, without a command",
		containers[0].GetImage())
}

func (nowhere) Prepare(context.Context, *runpb.TaskTemplate) error { return nil }

func (n nowhere) Start(_ context.Context, spec runner.Spec, _ runner.Output) error {
	return n.Check(spec.Template)
}

func (nowhere) Running(context.Context, runner.ID) (time.Time, error) {
	return time.Time{}, runner.ErrLost
}

func (nowhere) Waiting(runner.ID) string { return "" }

func (nowhere) Wait(context.Context, runner.ID) (runner.Result, error) {
	return runner.Result{}, runner.ErrLost
}

func (nowhere) Release(runner.ID) {}

func (nowhere) Stop(context.Context, runner.ID, time.Duration) error { return nil }

func (nowhere) Detach(context.Context, runner.ID) error { return runner.ErrLost }

func (nowhere) List(context.Context) ([]runner.ID, error) { return nil, nil }
