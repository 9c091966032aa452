package api_test

import (
	"errors"
	"fmt"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
)

// lists calls each list of the API, in a location or below, for its first item.
func (c *client) lists(t *testing.T) map[string]func(parent string, size int32, token string, deleted bool) (next string, err error) {
	t.Helper()
	return map[string]func(string, int32, string, bool) (string, error){
		"ListJobs": func(parent string, size int32, token string, deleted bool) (string, error) {
			it := c.jobs.ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: parent, PageSize: size, PageToken: token, ShowDeleted: deleted})
			_, err := it.Next()
			return it.PageInfo().Token, err
		},
		"ListExecutions": func(parent string, size int32, token string, deleted bool) (string, error) {
			it := c.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: parent + "/jobs/-", PageSize: size, PageToken: token, ShowDeleted: deleted})
			_, err := it.Next()
			return it.PageInfo().Token, err
		},
		"ListTasks": func(parent string, size int32, token string, deleted bool) (string, error) {
			it := c.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: parent + "/jobs/-/executions/-", PageSize: size, PageToken: token, ShowDeleted: deleted})
			_, err := it.Next()
			return it.PageInfo().Token, err
		},
		"ListOperations": func(parent string, size int32, token string, _ bool) (string, error) {
			it := c.jobs.ListOperations(t.Context(), &longrunningpb.ListOperationsRequest{Name: parent, PageSize: size, PageToken: token})
			_, err := it.Next()
			return it.PageInfo().Token, err
		},
	}
}

func TestPageTokenBelongsToOneList(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		if _, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "other", Job: shell("true")}); err != nil {
			t.Fatal(err)
		}
		c.run(t, nil)
		c.run(t, nil)

		lists, tokens := c.lists(t), map[string]string{}
		for name, list := range lists {
			token, err := list(parent, 1, "", false)
			if err != nil || token == "" {
				t.Fatalf("%s(page_size 1) = token %q, %v; want the token of a second page", name, token, err)
			}
			if _, err := list(parent, 1, token, false); err != nil {
				t.Errorf("%s() with its own token = %v", name, err)
			}
			tokens[name] = token
		}
		refused := func(name, why, token, parent string, deleted bool) {
			t.Helper()
			_, err := lists[name](parent, 1, token, deleted)
			wantCode(t, fmt.Sprintf("%s() with %s", name, why), err, codes.InvalidArgument, "page_token")
		}
		for name := range lists {
			for other, token := range tokens {
				if other != name {
					refused(name, "the token of "+other, token, parent, false)
				}
			}
			refused(name, "a token of another region", tokens[name], "projects/demo/locations/x", false)
			refused(name, "a token that was cut", tokens[name][:len(tokens[name])-3], parent, false)
			refused(name, "rubbish", "rubbish", parent, false)
			if name != "ListOperations" {
				refused(name, "a token of another show_deleted", tokens[name], parent, true)
			}
		}
	})
}

func TestListsRefuseBadParameters(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		for name, list := range c.lists(t) {
			_, err := list(parent, -1, "", false)
			wantCode(t, name+"(page_size -1)", err, codes.InvalidArgument, "page_size")
			_, err = list("projects/demo/locations/UP", 0, "", false)
			wantCode(t, name+"() in a bad region", err, codes.InvalidArgument, "UP")
			if _, err := list("projects/other/locations/us-east4", 0, "", false); !errors.Is(err, iterator.Done) {
				t.Errorf("%s() in a project without jobs = %v, want nothing", name, err)
			}
		}
		_, err := c.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: parent + "/jobs/none"}).Next()
		wantCode(t, "ListExecutions() of no job", err, codes.NotFound, "Resource 'none' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist.")
	})
}

func TestGRPCRefusesParentsOfAnotherKind(t *testing.T) {
	t.Parallel()
	// Over REST these have no path; over gRPC they are a field like any other.
	c := dialGRPC(t, newServer(t))
	_, err := c.jobs.ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: hello}).Next()
	wantCode(t, "ListJobs() of a job", err, codes.InvalidArgument, "projects/PROJECT/locations/REGION")
	_, err = c.executions.ListExecutions(t.Context(), &runpb.ListExecutionsRequest{Parent: parent}).Next()
	wantCode(t, "ListExecutions() of a location", err, codes.InvalidArgument, "jobs/JOB")
	_, err = c.tasks.ListTasks(t.Context(), &runpb.ListTasksRequest{Parent: hello}).Next()
	wantCode(t, "ListTasks() of a job", err, codes.InvalidArgument, "executions/EXECUTION")
	_, err = c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: hello, JobId: "x", Job: shell("true")})
	wantCode(t, "CreateJob() in a job", err, codes.InvalidArgument, "projects/PROJECT/locations/REGION")
	_, err = c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: parent + "/jobs/-"})
	wantCode(t, "RunJob() of all jobs", err, codes.InvalidArgument, "name one")
	_, err = c.executions.CancelExecution(t.Context(), &runpb.CancelExecutionRequest{Name: hello + "/executions/-"})
	wantCode(t, "CancelExecution() of all executions", err, codes.InvalidArgument, "name one")
}
