package cloudrun

import (
	"context"
	"slices"

	"cloud.google.com/go/iam/apiv1/iampb"
	"cloud.google.com/go/logging/apiv2/loggingpb"
)

// Permissions returns the permissions that the invoker needs on a job and its executions.
// Roles that have them are Cloud Run Jobs Executor With Overrides
// (roles/run.jobsExecutorWithOverrides) together with Cloud Run Viewer (roles/run.viewer).
// https://cloud.google.com/run/docs/reference/iam/roles
func Permissions() []string {
	return []string{
		"run.jobs.get", "run.jobs.run", "run.jobs.runWithOverrides",
		"run.executions.get", "run.executions.list", "run.executions.cancel", "run.tasks.list",
	}
}

// Lacking returns those of the permissions that the client's credential lacks on a job.
//
// See https://cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2#google.cloud.run.v2.Jobs.TestIamPermissions.
func (c *Client) Lacking(ctx context.Context, job string, permissions []string) ([]string, error) {
	f := &flight{}
	answer, err := c.jobs.TestIamPermissions(f.context(ctx), &iampb.TestIamPermissionsRequest{Resource: c.jobName(job), Permissions: permissions})
	if err != nil {
		return nil, c.failure(err, f)
	}
	return slices.DeleteFunc(slices.Clone(permissions), func(p string) bool { return slices.Contains(answer.GetPermissions(), p) }), nil
}

// CheckLogs reads one entry of the project's log, and returns why that is not possible.
func (c *Client) CheckLogs(ctx context.Context) error {
	_, _, err := c.listEntries(ctx, &loggingpb.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + c.location.Project}, Filter: `resource.type="cloud_run_job"`, PageSize: 1,
	})
	return err
}
