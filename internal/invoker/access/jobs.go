package access

import (
	"context"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// Jobs implements [api.Jobs]. With a configuration it lists the configured jobs that the
// caller may see, without what only Cloud Run knows of them.
func (a *Access) Jobs(ctx context.Context) ([]runwith.Job, error) {
	r := a.reader(ctx)
	if !r.Configured() {
		jobs, err := a.next.Jobs(ctx)
		for i := range jobs {
			jobs[i] = r.Describe(r.who, jobs[i].Name, jobs[i])
		}
		return jobs, err
	}
	jobs := []runwith.Job{}
	for _, name := range r.Jobs() {
		if r.Sees(r.who, name) {
			jobs = append(jobs, r.Describe(r.who, name, runwith.Job{Resource: resource(r.Target(name))}))
		}
	}
	return jobs, nil
}

// resource returns a target if it is a resource name. The ID of a job here is none.
func resource(target string) string {
	if strings.Contains(target, "/") {
		return target
	}
	return ""
}

// MaxBody returns the size of the largest body that starts a job, in bytes; 0 is the server's
// own limit. A job that the caller may not see has that one too, so a large body does not
// show that the job exists.
func (a *Access) MaxBody(ctx context.Context, name string) int {
	if r := a.reader(ctx); r.Sees(r.who, name) {
		return r.Policy.MaxBody(name)
	}
	return 0
}

// Job implements [api.Jobs].
func (a *Access) Job(ctx context.Context, name string) (runwith.Job, error) {
	r := a.reader(ctx)
	if !r.Sees(r.who, name) {
		return runwith.Job{}, policy.NoJob(name)
	}
	job, err := a.next.Job(ctx, r.Target(name))
	if err != nil {
		return runwith.Job{}, err
	}
	return r.Describe(r.who, name, job), nil
}
