package v1_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// call sends a request to a region's host and returns the answer.
func (s *server) call(t *testing.T, method, path, body string) (res *http.Response, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+root+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: toHost{"us-east4-run.googleapis.com"}}
	if res, err = client.Do(req); err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

func TestErrorsNameV1Fields(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.googleapis.com")
	c.create(t, shell(hello, "true"))
	unmapped := shell("unmapped", "")
	unmapped.Spec.Template.Spec.Template.Spec.Containers[0].Command = nil
	c.create(t, unmapped)
	const (
		jobs = "namespaces/demo/jobs"
		one  = jobs + "/hello"
		task = `{"metadata":{"name":"x"},"spec":{"template":{"spec":{"template":{"spec":{`
		end  = `}}}}}}`
		spec = "spec.template.spec.template.spec."
	)
	container := func(fields string) string { return task + `"containers":[{"image":"i",` + fields + `}]` + end }
	for _, test := range []struct {
		method, path, body string
		status             int
		code, says         string
	}{
		{"GET", "namespaces/demo/jobs/none", "", 404, "NOT_FOUND", "Resource 'none' of kind 'JOB' in region 'us-east4' in project 'demo' does not exist."},
		{"POST", "namespaces/demo/jobs/none:run", "{}", 404, "NOT_FOUND", "Resource 'none' of kind 'JOB'"},
		{"DELETE", "namespaces/demo/jobs/none", "", 404, "NOT_FOUND", "Resource 'none' of kind 'JOB'"},
		{"GET", "namespaces/demo/executions/hello-none", "", 404, "NOT_FOUND", "Resource 'hello-none' of kind 'EXECUTION'"},
		{"POST", "namespaces/demo/executions/NONE:cancel", "{}", 404, "NOT_FOUND", "Resource 'NONE' of kind 'EXECUTION'"},
		{"DELETE", "namespaces/demo/executions/none", "", 404, "NOT_FOUND", "Resource 'none' of kind 'EXECUTION'"},
		{"GET", "namespaces/demo/tasks/hello-none-task0", "", 404, "NOT_FOUND", "Resource 'hello-none-task0' of kind 'TASK'"},
		{"GET", "namespaces/demo/tasks/x", "", 404, "NOT_FOUND", "Resource 'x' of kind 'TASK'"},

		{"GET", "namespaces/demo/jobs/Hello", "", 400, "INVALID_ARGUMENT", "metadata.name: must be at most 63 lower-case letters"},
		{"GET", "namespaces/NO/jobs/hello", "", 400, "INVALID_ARGUMENT", "namespaces/NO: must be the ID or the number of a project"},
		{"POST", jobs, "", 400, "INVALID_ARGUMENT", "metadata.name: is required"},
		{"POST", jobs, `{"metadata":{"name":"x"}}`, 400, "INVALID_ARGUMENT", spec + "containers: must have at least one container"},
		{"POST", jobs, `{"metadata":{"name":"X_"}}`, 400, "INVALID_ARGUMENT", `metadata.name: must be at most 63 lower-case letters`},
		{"POST", jobs, `{"metadata":{"name":"x","namespace":"other"}}`, 400, "INVALID_ARGUMENT", `metadata.namespace: is "other", and the path names "demo"`},
		{"PUT", one, `{"metadata":{"name":"x"}}`, 400, "INVALID_ARGUMENT", `metadata.name: is "x", and the path names "hello"`},
		{"POST", jobs, `{"metadata":`, 400, "INVALID_ARGUMENT", "body: line 1:13: expected a value"},
		{"POST", jobs, `{"spec":{"template":{"spek":{}}}}`, 400, "INVALID_ARGUMENT", "spec.template.spek: is not a field of ExecutionTemplateSpec"},
		{"POST", jobs, container(`"env":[{"name":"K_SERVICE"}]`), 400, "INVALID_ARGUMENT", spec + `containers[0].env[0].name: "K_SERVICE" is reserved`},
		{"POST", jobs, container(`"env":[{"name":"A","valueFrom":{}}]`), 400, "INVALID_ARGUMENT", spec + "containers[0].env[0].valueFrom.secretKeyRef: "},
		{"POST", jobs, container(`"securityContext":{"runAsUser":1}`), 400, "INVALID_ARGUMENT", spec + "containers[0].securityContext: is not supported by Cloud Run"},
		{"POST", jobs, task + `"maxRetries":11,"timeoutSeconds":"0","containers":[{}]` + end, 400, "INVALID_ARGUMENT", spec + "containers[0].image: required field not present; " +
			spec + "maxRetries: must be between 0 and 10, not 11; " + spec + "timeoutSeconds: must be between 1s and"},
		{"POST", jobs, `{"metadata":{"name":"x","annotations":{"run.googleapis.com/nope":"y"}}}`, 400, "INVALID_ARGUMENT",
			`metadata.annotations["run.googleapis.com/nope"]: has no meaning for a job`},
		{"POST", jobs, `{"metadata":{"name":"x"},"spec":{"startExecutionToken":"A_"}}`, 400, "INVALID_ARGUMENT", "spec.startExecutionToken: "},
		{"PUT", one, `{"metadata":{"resourceVersion":"stale"},"spec":{"template":{"spec":{"template":{"spec":{"containers":[{"image":"i"}]}}}}}}`, 409, "ABORTED",
			"metadata.resourceVersion: is stale, and the resource has changed since"},
		{"POST", jobs, `{"metadata":{"name":"hello"},"spec":{"template":{"spec":{"template":{"spec":{"containers":[{"image":"i"}]}}}}}}`, 409, "ALREADY_EXISTS",
			"Resource 'hello' already exists."},
		{"POST", one + ":run", `{"overrides":{"containerOverrides":[{"env":[{"name":"A","value":"` + strings.Repeat("x", 32_769) + `"}]}]}}`, 400, "INVALID_ARGUMENT",
			"overrides.containerOverrides[0].env[0].value: length cannot exceed 32768"},
		{"POST", one + ":run", `{"overrides":{"timeoutSeconds":-1,"taskCount":10001}}`, 400, "INVALID_ARGUMENT", "overrides.taskCount: must be between 1 and 10000, not 10001; overrides.timeoutSeconds: "},
		{"POST", jobs + "/unmapped:run", "", 400, "FAILED_PRECONDITION", spec + "containers[0].command: is empty"},

		{"GET", jobs + "?limit=-1", "", 400, "INVALID_ARGUMENT", "limit: must be a number and not negative"},
		{"GET", jobs + "?limit=many", "", 400, "INVALID_ARGUMENT", "limit: must be a number"},
		{"GET", jobs + "?limit=1&limit=2", "", 400, "INVALID_ARGUMENT", "limit: takes one value, not 2"},
		{"GET", jobs + "?continue=rubbish", "", 400, "INVALID_ARGUMENT", `continue: "rubbish" does not belong to this list`},
		{"GET", jobs + "?labelSelector=a%3D%3D%3Db", "", 400, "INVALID_ARGUMENT", "labelSelector: character 4: "},
		{"GET", jobs + "?watch=true", "", 400, "INVALID_ARGUMENT", "watch: is not supported by Cloud Run"},
		{"GET", jobs + "?fieldSelector=a%3Db", "", 400, "INVALID_ARGUMENT", "fieldSelector: is not supported"},
		{"GET", jobs + "?colour=red", "", 400, "INVALID_ARGUMENT", "colour: is no parameter of this method"},
		{"GET", one + "?labelSelector=a", "", 400, "INVALID_ARGUMENT", "labelSelector: is no parameter of this method"},
		{"DELETE", one + "?dryRun=some", "", 400, "INVALID_ARGUMENT", `dryRun: must be all or left out, not "some"`},
		{"DELETE", "namespaces/demo/executions/x?dryRun=all", "", 400, "INVALID_ARGUMENT", "dryRun: is no parameter"},
		{"GET", one + "?alt=media", "", 400, "INVALID_ARGUMENT", "alt: "},
		{"POST", jobs, `{"kind":"` + strings.Repeat("x", 1<<20) + `"}`, 400, "INVALID_ARGUMENT", "the request has more than 1048576 bytes"},

		{"PATCH", one, "{}", 405, "UNIMPLEMENTED", "PATCH is no method of " + root + one + ", which takes DELETE, GET, PUT"},
		{"GET", one + ":run", "", 405, "UNIMPLEMENTED", "which takes POST"},
		{"POST", "namespaces/demo/tasks", "{}", 405, "UNIMPLEMENTED", "which takes GET"},
		{"GET", one + ":steal", "", 404, "NOT_FOUND", "no API method answers GET"},
		{"GET", "namespaces/demo/services", "", 404, "NOT_FOUND", "no API method answers GET"},
		{"GET", "namespaces//jobs", "", 404, "NOT_FOUND", "no API method answers GET"},
	} {
		res, raw := s.call(t, test.method, test.path, test.body)
		var answer struct {
			Error struct {
				Code            int
				Message, Status string
			}
		}
		if err := json.Unmarshal([]byte(raw), &answer); err != nil {
			t.Errorf("%s %s = %s, want an error in Google's envelope", test.method, test.path, raw)
			continue
		}
		e, call := answer.Error, fmt.Sprintf("%s %s %.300s", test.method, test.path, test.body)
		if res.StatusCode != test.status {
			t.Errorf("%s: status = %d, want %d", call, res.StatusCode, test.status)
		}
		if e.Code != test.status {
			t.Errorf("%s: code in the body = %d, want %d", call, e.Code, test.status)
		}
		if e.Status != test.code {
			t.Errorf("%s: status in the body = %s, want %s", call, e.Status, test.code)
		}
		if !strings.Contains(e.Message, test.says) {
			t.Errorf("%s: message = %q, want %q in it", call, e.Message, test.says)
		}
		if allow := res.Header.Get("Allow"); (test.status == 405) != (allow != "") {
			t.Errorf("%s %s: Allow = %q", test.method, test.path, allow)
		}
	}
}

func TestSystemParameters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.googleapis.com")
	c.create(t, shell(hello, "echo '<&>'"))
	c.finish(t, s, c.run(t, hello, nil))
	for query, says := range map[string]string{
		"":                                      "{\n  \"apiVersion\": \"run.googleapis.com/v1\",\n",
		"?alt=json":                             `"completionStatus": "EXECUTION_SUCCEEDED"`,
		"?alt=json&prettyPrint=false":           `{"apiVersion":"run.googleapis.com/v1","kind":"Job",`,
		"?$prettyPrint=false&key=x":             `"echo '<&>'"`,
		"?$alt=json;enum-encoding=int&alt=json": `"completionStatus": 1`,
	} {
		res, answer := s.call(t, "GET", "namespaces/demo/jobs/hello"+strings.ReplaceAll(query, ";", "%3B"), "")
		if res.StatusCode != 200 {
			t.Errorf("GET %s = %d, want 200", query, res.StatusCode)
		}
		if !strings.Contains(answer, says) {
			t.Errorf("GET %s = %s, want %s in it", query, answer, says)
		}
		if !strings.HasSuffix(answer, "}\n") {
			t.Errorf("GET %s = %q, want } and one line break at the end", query, answer)
		}
		if got, want := res.Header.Get("Content-Type"), "application/json; charset=UTF-8"; got != want {
			t.Errorf("GET %s: Content-Type = %q, want %q", query, got, want)
		}
	}
}
