package api_test

import (
	"strings"
	"testing"
)

const runV1 = "/apis/run.googleapis.com/v1/namespaces/demo/jobs/hello:run"

// Every REST API reads JSON as Google's do.
func TestBodiesAsGoogleReadsThem(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if status, answer := s.call(t, "POST", "/v2/"+parent+"/jobs?jobId=hello", `{"template":{"template":{"containers":{"image":"mapped"}}}}`); status != 200 {
		t.Fatalf("create a job with one container for a list = %d %s, want 200", status, answer)
	}
	for _, path := range []string{"/v2/" + hello + ":run", runV1} {
		for _, body := range []string{
			"", "{}", `{"overrides":null}`,
			`{"overrides":{"containerOverrides":{"args":["a"]}}}`,
			`{"overrides":{"containerOverrides":[{"env":{"name":"K","value":"V"}}]}}`,
			`{"overrides":{"containerOverrides":[{"args":"a"}]}}`,
			`{"overrides":{"container_overrides":[{"clear_args":"false"}],"task_count":"1"}}`,
			`{'overrides':{containerOverrides:[{args:['a',],},],},}`,
		} {
			if status, answer := s.call(t, "POST", path, body); status != 200 {
				t.Errorf("POST %s %s = %d %s, want 200", path, body, status, answer)
			}
		}
	}
	if status, answer := s.call(t, "POST", "/v2/entries:list", `{"resourceNames":"projects/demo","page_size":"1"}`); status != 200 {
		t.Errorf("list entries of one resource = %d %s, want 200", status, answer)
	}
}

// An error names the field of a body, a query or a path in the caller's spelling, and the
// values that are allowed.
func TestErrorsNameFieldsAsSent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if status, answer := s.call(t, "POST", "/v2/"+parent+"/jobs?jobId=hello", `{"template":{"template":{"containers":[{"image":"mapped"}]}}}`); status != 200 {
		t.Fatalf("create a job = %d %s, want 200", status, answer)
	}
	const run, jobs = "/v2/" + hello + ":run", "/v2/" + parent + "/jobs"
	const v1Jobs = "/apis/run.googleapis.com/v1/namespaces/demo/jobs"
	for _, test := range []struct{ method, path, body, says string }{
		{"POST", run, `{"overrides":{"containerOverrides":"a"}}`, "overrides.containerOverrides: must be a list of objects, not a string"},
		{"POST", run, `{"overrides":{"container_overrides":"a"}}`, "overrides.container_overrides: must be a list of objects, not a string"},
		{"POST", run, `{"overrides":{"taskCount":-1}}`, "Violation in RunJobRequest.overrides.taskCount: must be"},
		{"POST", run, `{"overrides":{"task_count":-1}}`, "Violation in RunJobRequest.overrides.task_count: must be"},
		{"POST", run, `{"overrides":{"containerOverrides":{"env":[{"name":"PORT"}]}}}`, "overrides.containerOverrides[0].env[0].name"},
		{"POST", run, `{"overrides":{"taskcount":1}}`, "overrides.taskcount: is not a field of Overrides, did you mean taskCount? (its fields: containerOverrides, taskCount, timeout, delayExecution)"},
		{"POST", jobs, `{}`, "jobId: required field not present"},
		{"POST", jobs + "?jobId=", `{}`, "jobId: required field not present"},
		{"POST", jobs + "?job_id=Bad_", `{}`, "job_id: must be at most 63"},
		{"POST", jobs + "?jobId=x", `{"template":{"task_count":-1,"template":{"containers":[{"image":"i"}]}}}`, "template.task_count: must be"},
		{"POST", jobs + "?jobId=x", `{"template":{"template":{"maxRetries":11,"containers":[{"image":"i"}]}}}`, "template.template.maxRetries: must be"},
		{"POST", jobs + "?jobID=x", `{}`, "jobID: is not a field of CreateJobRequest, did you mean jobId?"},
		{"POST", jobs + "?jobId=x&jobId=y", `{}`, "jobId: takes one value, not 2"},
		{"POST", jobs + "?jobId=x&job_id=x", `{}`, "job_id: is the same field as jobId"},
		{"POST", run + "?validateOnly=true", `{"validateOnly":true}`, "validateOnly: is in the body too"},
		{"POST", jobs + "?jobId=x&job=x", `{}`, "job: can only be in the body"},
		{"POST", run, `{"name":"projects/demo/locations/us-east4/jobs/other"}`, `name: is \"projects/demo/locations/us-east4/jobs/other\", and the path names`},
		{"PATCH", "/v2/" + hello, `{"name":"projects/demo/locations/us-east4/jobs/other"}`, "name: is"},
		{"PATCH", "/v2/" + hello, `{"name":"projects/other/locations/us-east4/jobs/hello"}`, "name: is"},
		{"GET", jobs + "?pageSize=-1", "", "pageSize: is -1"},
		{"GET", jobs + "?page_size=-1", "", "page_size: is -1"},
		{"GET", jobs + "?pageSize=1&pageSize=2", "", "pageSize: takes one value, not 2"},
		{"GET", jobs, `{"pageSize":1}`, "body: this method takes none"},
		{"DELETE", "/v2/" + hello, `{"validateOnly":true}`, "body: this method takes none"},
		{"GET", v1Jobs + "?limit=1&limit=2", "", "limit: takes one value, not 2"},
		{"DELETE", v1Jobs + "/hello?dryRun=all&dryRun=all", "", "dryRun: takes one value, not 2"},
		{"DELETE", v1Jobs + "/hello", `{"kind":"DeleteOptions"}`, "body: this method takes none"},
		{"POST", v1Jobs, `{"metadata":{}}`, "metadata.name: is required"},
		{"POST", v1Jobs, `{"metadata":{"name":"x"},"spec":{"template":{"spec":{"task_count":-1,"template":{"spec":{"containers":{"image":"i"}}}}}}}`, "spec.template.spec.task_count: must be"},
		{"POST", runV1, `{"overrides":{"container_overrides":{"env":{"name":"PORT"}}}}`, "overrides.container_overrides[0].env[0].name"},
		{"GET", "/v1/projects/demo/locations?pageSize=1&pageSize=1", "", "pageSize: takes one value, not 2"},
		{"GET", "/v1/projects/demo/locations?pageSize=1&page_size=1", "", "is the same field as pageSize"},
	} {
		status, answer := s.call(t, test.method, test.path, test.body)
		if status != 400 || !strings.Contains(answer, test.says) {
			t.Errorf("%s %s %s = %d %s, want 400 that says %q", test.method, test.path, test.body, status, answer, test.says)
		}
	}
}
