package v1

import (
	"context"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/jobspec"
)

// createJob stores a new job.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/create
func (a *API) createJob(ctx context.Context, r *Request) (any, error) {
	c, err := a.jobChange(r)
	if err != nil {
		return nil, err
	}
	op, err := a.Engine.CreateJob(ctx, &runpb.CreateJobRequest{Parent: c.at.String(), JobId: c.id, Job: c.job, ValidateOnly: c.dry})
	if err != nil {
		return nil, err
	}
	return a.jobOf(r, op)
}

// replaceJob stores the next generation of a job. If the request has a resourceVersion, it
// must be the current one.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/replaceJob
func (a *API) replaceJob(ctx context.Context, r *Request) (any, error) {
	c, err := a.jobChange(r)
	if err != nil {
		return nil, err
	}
	op, err := a.Engine.UpdateJob(ctx, &runpb.UpdateJobRequest{Job: c.job, ValidateOnly: c.dry})
	if err != nil {
		return nil, err
	}
	return a.jobOf(r, op)
}

// jobChange is the job in a request.
type jobChange struct {
	at  jobspec.Location
	id  string
	job *runpb.Job
	dry bool // validate only
}

func (a *API) jobChange(r *Request) (c jobChange, err error) {
	if c.at, err = a.place(r); err != nil {
		return c, err
	}
	if c.dry, err = dryRun(r.Query); err != nil {
		return c, err
	}
	if err := nothingElse(r.Query); err != nil {
		return c, err
	}
	given, err := a.job(r, c.at)
	if err != nil {
		return c, err
	}
	c.id = given.Metadata.Name
	if err := jobspec.ValidateJobID(c.id); err != nil {
		return c, err
	}
	c.job, err = given.V2(c.at)
	return c, err
}

// jobOf returns the job in an operation.
func (a *API) jobOf(r *Request, op *longrunningpb.Operation) (any, error) {
	job, err := metadataOf(op, &runpb.Job{})
	return a.showJob(r, job), err
}

// metadataOf returns the object in an operation, as it was when the operation was created.
func metadataOf[M proto.Message](op *longrunningpb.Operation, into M) (M, error) {
	return into, op.GetMetadata().UnmarshalTo(into)
}

func (a *API) showJob(r *Request, job *runpb.Job) *knative.Job {
	name, _ := jobspec.ParseJob(job.GetName()) // stored jobs have a valid name
	shown := knative.FromJob(job, a.namespace(name.Project))
	if r.EnumNumbers {
		shown.NumberEnums()
	}
	return shown
}

// getJob returns a job.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/get
func (a *API) getJob(ctx context.Context, r *Request) (any, error) {
	name, err := a.jobName(r)
	if err != nil {
		return nil, err
	}
	job, err := a.Engine.Job(ctx, &runpb.GetJobRequest{Name: name.String()})
	if err != nil {
		return nil, err
	}
	return a.showJob(r, job), nil
}

// jobName returns the job that a request without parameters names.
func (a *API) jobName(r *Request) (jobspec.JobName, error) {
	at, err := a.place(r)
	if err != nil {
		return jobspec.JobName{}, err
	}
	if err := nothingElse(r.Query); err != nil {
		return jobspec.JobName{}, err
	}
	return jobspec.JobName{Location: at, Job: r.Path["name"]}, jobspec.ValidateJobID(r.Path["name"])
}

// listJobs returns a page of jobs.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/list
func (a *API) listJobs(ctx context.Context, r *Request) (any, error) {
	at, err := a.everywhere(r)
	if err != nil {
		return nil, err
	}
	q, err := readList(r.Query)
	if err != nil {
		return nil, err
	}
	of := jobspec.JobName{Location: at}.Execution("")
	return list(ctx, q, of, listing[*runpb.Job, *knative.Job]{
		kind:   knative.KindJobsList,
		labels: knative.JobLabels,
		page:   a.Engine.SelectJobs,
		show:   func(job *runpb.Job) *knative.Job { return a.showJob(r, job) },
	})
}

// deleteJob deletes a job and stops its executions. The job is gone at once; running tasks
// have the grace period to end.
//
// Deviation: running executions do not make it fail, because gcloud tells people that they
// will be stopped.
//
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/delete
func (a *API) deleteJob(ctx context.Context, r *Request) (any, error) {
	dry, err := dryRun(r.Query)
	if err != nil {
		return nil, err
	}
	ignored(r.Query, "apiVersion", "kind", "propagationPolicy")
	name, err := a.jobName(r)
	if err != nil {
		return nil, err
	}
	op, err := a.Engine.DeleteJob(ctx, &runpb.DeleteJobRequest{Name: name.String(), ValidateOnly: dry})
	if err != nil {
		return nil, err
	}
	job, err := metadataOf(op, &runpb.Job{})
	return deleted("jobs", name.Job, job.GetUid()), err
}

func deleted(collection, id, uid string) *knative.Status {
	return &knative.Status{Status: "Success", Details: knative.StatusDetails{Name: id, Kind: collection, UID: uid}}
}

// runJob starts an execution of a job and returns it.
// https://cloud.google.com/run/docs/reference/rest/v1/namespaces.jobs/run
func (a *API) runJob(ctx context.Context, r *Request) (any, error) {
	name, err := a.jobName(r)
	if err != nil {
		return nil, err
	}
	var req knative.RunJobRequest
	if err := knative.Unmarshal(r.Body, &req); err != nil {
		return nil, err
	}
	overrides, err := req.V2()
	if err != nil {
		return nil, err
	}
	op, err := a.Engine.RunJob(ctx, &runpb.RunJobRequest{Name: name.String(), Overrides: overrides})
	if err != nil {
		return nil, err
	}
	return a.executionOf(op)
}
