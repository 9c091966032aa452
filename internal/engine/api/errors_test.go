package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/runwith/runwith"
)

func seconds(n int64) *durationpb.Duration { return &durationpb.Duration{Seconds: n} }

// codeOf returns the canonical code of an official client's error. Over REST that is the code
// in the body, because the client only guesses from the HTTP status.
func codeOf(err error) codes.Code {
	rest, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		return status.Code(err)
	}
	var body struct {
		Error struct{ Status string }
	}
	if json.Unmarshal([]byte(rest.Body), &body) != nil {
		return codes.Unknown
	}
	code, _ := runwith.ParseCode(body.Error.Status)
	return codes.Code(code)
}

func TestBadRequestsNameTheField(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		unmapped := shell("")
		unmapped.Template.Template.Containers[0].Command = nil
		if _, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "unmapped", Job: unmapped}); err != nil {
			t.Fatal(err)
		}
		create := func(id string, change func(*runpb.Job)) func() error {
			return func() error {
				job := shell("true")
				change(job)
				_, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: id, Job: job})
				return err
			}
		}
		runJob := func(name string, o *runpb.RunJobRequest_Overrides) func() error {
			return func() error {
				_, err := c.jobs.RunJob(t.Context(), &runpb.RunJobRequest{Name: name, Overrides: o})
				return err
			}
		}
		override := func(o *runpb.RunJobRequest_Overrides_ContainerOverride) func() error {
			return runJob(hello, &runpb.RunJobRequest_Overrides{ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{o}})
		}
		same := func(*runpb.Job) {}
		for _, test := range []struct {
			name string
			call func() error
			code codes.Code
			says string
		}{
			{"unknown job", runJob(parent+"/jobs/none", nil), codes.NotFound, "Resource 'none' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist."},
			{"job exists", create("hello", same), codes.AlreadyExists, "Resource 'hello' already exists."},
			{"bad job ID", create("Hello_", same), codes.InvalidArgument, "job_id"},
			{"bad parent", func() error {
				_, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: "projects/demo/locations/Nowhere!", JobId: "x", Job: shell("true")})
				return err
			}, codes.InvalidArgument, "Nowhere!"},
			{"name of another job", create("other", func(j *runpb.Job) { j.Name = hello }), codes.InvalidArgument, "job.name"},
			{"no container", create("x", func(j *runpb.Job) { j.Template.Template.Containers = nil }), codes.InvalidArgument, "containers"},
			{"negative task count", create("x", func(j *runpb.Job) { j.Template.TaskCount = -1 }), codes.InvalidArgument, "task_count"},
			{"too many tasks", create("x", func(j *runpb.Job) { j.Template.TaskCount = 10_001 }), codes.InvalidArgument, "task_count"},
			{"too many retries", create("x", func(j *runpb.Job) {
				j.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: 11}
			}), codes.InvalidArgument, "max_retries"},
			{"reserved variable", create("x", func(j *runpb.Job) {
				j.Template.Template.Containers[0].Env = []*runpb.EnvVar{env("CLOUD_RUN_JOB", "x")}
			}), codes.InvalidArgument, "env[0].name"},
			{"execution token that is no name", create("x", func(j *runpb.Job) {
				j.CreateExecution = &runpb.Job_StartExecutionToken{StartExecutionToken: "A_"}
			}), codes.InvalidArgument, "start_execution_token"},
			{"over-long value", override(&runpb.RunJobRequest_Overrides_ContainerOverride{Env: []*runpb.EnvVar{env("A", strings.Repeat("x", 32_769))}}),
				codes.InvalidArgument, "Violation in RunJobRequest.overrides.container_overrides[0].env[0].value: length cannot exceed 32768."},
			{"reserved variable in an override", override(&runpb.RunJobRequest_Overrides_ContainerOverride{Env: []*runpb.EnvVar{env("K_SERVICE", "x")}}),
				codes.InvalidArgument, "env[0].name"},
			{"override for no container", override(&runpb.RunJobRequest_Overrides_ContainerOverride{Name: "nobody"}), codes.InvalidArgument, "nobody"},
			{"negative override", runJob(hello, &runpb.RunJobRequest_Overrides{TaskCount: -1}), codes.InvalidArgument, "task_count"},
			{"too many tasks in an override", runJob(hello, &runpb.RunJobRequest_Overrides{TaskCount: 10_001}), codes.InvalidArgument, "task_count"},
			{"neither command nor image", runJob(parent+"/jobs/unmapped", nil), codes.FailedPrecondition, "--image"},
			{"stale etag", func() error {
				_, err := c.jobs.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello, Etag: `"stale"`})
				return err
			}, codes.Aborted, "etag"},
			{"unknown page token", func() error {
				_, err := c.jobs.ListJobs(t.Context(), &runpb.ListJobsRequest{Parent: parent, PageToken: "rubbish"}).Next()
				return err
			}, codes.InvalidArgument, "page_token"},
			{"unknown execution", func() error {
				_, err := c.executions.GetExecution(t.Context(), &runpb.GetExecutionRequest{Name: hello + "/executions/none"})
				return err
			}, codes.NotFound, "Resource 'none' of kind 'EXECUTION' in region 'us-east4' in project 'demo' does not exist."},
			{"unknown operation", func() error {
				_, err := c.jobs.GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: parent + "/operations/none"})
				return err
			}, codes.NotFound, "operations/none"},
			{"over 1 MiB", create("x", func(j *runpb.Job) {
				for i := range 40 {
					j.Template.Template.Containers[0].Env = append(j.Template.Template.Containers[0].Env, env(fmt.Sprint("V", i), strings.Repeat("x", 32_000)))
				}
			}), codes.InvalidArgument, "1048576 bytes"},
		} {
			err := test.call()
			if got := codeOf(err); got != test.code || !says(err, test.says) {
				t.Errorf("%s: error = %v (%v), want %v that says %q", test.name, err, got, test.code, test.says)
			}
		}
	})
}

func TestRESTRefusesUnknownRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "/v2/nothing", "", 404, "no API method answers GET /v2/nothing"},
		{"PUT", "/v2/" + hello, "{}", 405, "PUT is no method of /v2/projects/demo/locations/us-east4/jobs/hello, which takes DELETE, GET, PATCH"},
		{"GET", "/v2/" + hello + ":steal", "", 404, "no API method"},
		{"GET", "/v2/" + hello + "?colour=red", "", 400, "colour"},
		{"GET", "/v2/" + hello + "?name=a&name=b", "", 400, "name"},
		{"GET", "/v2/" + parent + "/jobs?pageSize=many", "", 400, "pageSize"},
		{"GET", "/v2/" + hello + "?alt=media", "", 400, "alt"},
		{"POST", "/v2/" + parent + "/jobs?jobId=x", `{"template":{"template":{"cointainers":[]}}}`, 400, "template.template.cointainers: is not a field of TaskTemplate, did you mean containers?"},
		{"POST", "/v2/" + parent + "/jobs?jobId=x", "{\n  \"template\": }", 400, "line 2:15: expected a value"},
		{"POST", "/v2/" + hello + ":run", `{"overrides":{"taskCount":"many"}}`, 400, "taskCount"},
		{"POST", "/v2/" + hello + ":run", "", 404, "Resource 'hello' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist."},
	} {
		status, body := s.call(t, test.method, test.path, test.body)
		if text := strings.ReplaceAll(body, `\"`, `"`); status != test.status || !strings.Contains(text, test.says) {
			t.Errorf("%s %s %s = %d %s, want %d that says %q", test.method, test.path, test.body, status, body, test.status, test.says)
		}
	}
}

// call sends a REST request and returns the answer.
func (s *server) call(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}
