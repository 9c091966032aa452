package api

import (
	"context"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine"
)

// jobs is google.cloud.run.v2.Jobs.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#jobs
type jobs struct {
	runpb.UnimplementedJobsServer
	engine *engine.Engine
}

func (s *jobs) CreateJob(ctx context.Context, req *runpb.CreateJobRequest) (*longrunningpb.Operation, error) {
	return s.engine.CreateJob(ctx, req)
}

func (s *jobs) GetJob(ctx context.Context, req *runpb.GetJobRequest) (*runpb.Job, error) {
	return s.engine.Job(ctx, req)
}

func (s *jobs) ListJobs(ctx context.Context, req *runpb.ListJobsRequest) (*runpb.ListJobsResponse, error) {
	return s.engine.Jobs(ctx, req)
}

func (s *jobs) UpdateJob(ctx context.Context, req *runpb.UpdateJobRequest) (*longrunningpb.Operation, error) {
	return s.engine.UpdateJob(ctx, req)
}

func (s *jobs) DeleteJob(ctx context.Context, req *runpb.DeleteJobRequest) (*longrunningpb.Operation, error) {
	return s.engine.DeleteJob(ctx, req)
}

func (s *jobs) RunJob(ctx context.Context, req *runpb.RunJobRequest) (*longrunningpb.Operation, error) {
	return s.engine.RunJob(ctx, req)
}

// executions is google.cloud.run.v2.Executions.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#executions
type executions struct {
	runpb.UnimplementedExecutionsServer
	engine *engine.Engine
}

func (s *executions) GetExecution(ctx context.Context, req *runpb.GetExecutionRequest) (*runpb.Execution, error) {
	return s.engine.Execution(ctx, req)
}

func (s *executions) CancelExecution(ctx context.Context, req *runpb.CancelExecutionRequest) (*longrunningpb.Operation, error) {
	return s.engine.CancelExecution(ctx, req)
}

func (s *executions) DeleteExecution(ctx context.Context, req *runpb.DeleteExecutionRequest) (*longrunningpb.Operation, error) {
	return s.engine.DeleteExecution(ctx, req)
}

func (s *executions) ListExecutions(ctx context.Context, req *runpb.ListExecutionsRequest) (*runpb.ListExecutionsResponse, error) {
	return s.engine.Executions(ctx, req)
}

// tasks is google.cloud.run.v2.Tasks.
// https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#tasks
type tasks struct {
	runpb.UnimplementedTasksServer
	engine *engine.Engine
}

func (s *tasks) GetTask(ctx context.Context, req *runpb.GetTaskRequest) (*runpb.Task, error) {
	return s.engine.Task(ctx, req)
}

func (s *tasks) ListTasks(ctx context.Context, req *runpb.ListTasksRequest) (*runpb.ListTasksResponse, error) {
	return s.engine.Tasks(ctx, req)
}
