package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The fields of Google's answers, with the format of each value. The job has no more than an
// image and a command, and its execution one task. Clients read these by name and fail if
// one is missing. Fields that Google leaves out must be left out here.
//
// The jobs come from recorded answers of Google. No recorded answers have executions or
// tasks: theirs come from the fields that public clients read by name, and from the API's
// comments.
const (
	account = `123456789012-compute@developer\.gserviceaccount\.com`
	moment  = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z`
	moment1 = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z` // of v1
	uid     = `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`
)

// taskTemplate are the fields of a task's template, at any place.
var taskTemplate = map[string]string{
	"containers.0.command.0": "true", "containers.0.image": "i",
	"containers.0.resources.limits.cpu": "1000m", "containers.0.resources.limits.memory": "512Mi",
	"executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2", "maxRetries": "3", "serviceAccount": account, "timeout": "600s",
}

var taskTemplate1 = map[string]string{
	"containers.0.command.0": "true", "containers.0.image": "i",
	"containers.0.resources.limits.cpu": "1000m", "containers.0.resources.limits.memory": "512Mi",
	"maxRetries": "3", "serviceAccountName": account, "timeoutSeconds": "600",
}

func condition(at, kind string) map[string]string {
	return below(at, map[string]string{"type": kind, "state": "CONDITION_SUCCEEDED", "lastTransitionTime": moment})
}

func condition1(at, kind string) map[string]string {
	return below(at, map[string]string{"type": kind, "status": "True", "lastTransitionTime": moment1})
}

// message is below with a message, which every condition but Ready has.
func message(at string) map[string]string { return map[string]string{at + ".message": ".+"} }

var recorded = []struct {
	what, path string
	want       []map[string]string
}{
	{"v2 job that never ran", "/v2/" + hello, []map[string]string{recordedJob, {"latestCreatedExecution": "{}"}}},
	{"v1 job that never ran", v1Root + "jobs/" + helloID, []map[string]string{recordedJob1, {"status.executionCount": "0"}}},
	{"v2 job that ran", "/v2/" + hello, []map[string]string{recordedJob, {"executionCount": "1"}, below("latestCreatedExecution", map[string]string{
		"name": hello + "/executions/EXECUTION", "createTime": moment, "completionTime": moment, "completionStatus": "EXECUTION_SUCCEEDED",
	})}},
	{"v2 execution", "/v2/" + hello + "/executions/EXECUTION", []map[string]string{
		{
			"name": hello + "/executions/EXECUTION", "uid": uid, "creator": account, "generation": "1", "observedGeneration": "1", "etag": `".+"`,
			"createTime": moment, "startTime": moment, "completionTime": moment, "updateTime": moment, "launchStage": "GA", "job": helloID,
			"parallelism": "1", "taskCount": "1", "succeededCount": "1", "logUri": "https://.+",
		},
		below("template", taskTemplate),
		condition("conditions.0", "Completed"), condition("conditions.1", "ResourcesAvailable"),
		condition("conditions.2", "Started"), condition("conditions.3", "ContainerReady"),
		message("conditions.0"), message("conditions.1"), message("conditions.2"), message("conditions.3"),
	}},
	{"v2 task", "/v2/" + hello + "/executions/EXECUTION/tasks/EXECUTION-task0", []map[string]string{
		{
			"name": hello + "/executions/EXECUTION/tasks/EXECUTION-task0", "uid": uid, "generation": "1", "observedGeneration": "1", "etag": `".+"`,
			"createTime": moment, "scheduledTime": moment, "startTime": moment, "completionTime": moment, "updateTime": moment,
			"job": helloID, "execution": "EXECUTION", "logUri": "https://.+", "lastAttemptResult.status": "{}",
		},
		taskTemplate,
		condition("conditions.0", "Completed"), condition("conditions.1", "Started"), condition("conditions.2", "ContainerReady"),
		message("conditions.0"), message("conditions.1"), message("conditions.2"),
	}},
	{"v1 job that ran", v1Root + "jobs/" + helloID, []map[string]string{recordedJob1, {"status.executionCount": "1"}, below("status.latestCreatedExecution", map[string]string{
		"name": "EXECUTION", "creationTimestamp": moment1, "completionTimestamp": moment1, "completionStatus": "EXECUTION_SUCCEEDED",
	})}},
	{"v1 execution", v1Root + "executions/EXECUTION", []map[string]string{
		object1("Execution", "executions", "EXECUTION"), below("metadata.labels", map[string]string{"run\\.googleapis\\.com/job": helloID}),
		below("metadata.annotations", map[string]string{"run\\.googleapis\\.com/creator": account, "run\\.googleapis\\.com/execution-environment": "gen2"}),
		{"spec.parallelism": "1", "spec.taskCount": "1", "status.observedGeneration": "1", "status.startTime": moment1, "status.completionTime": moment1, "status.succeededCount": "1", "status.logUri": "https://.+"},
		below("spec.template.spec", taskTemplate1),
		condition1("status.conditions.0", "Completed"), condition1("status.conditions.1", "ResourcesAvailable"),
		condition1("status.conditions.2", "Started"), condition1("status.conditions.3", "ContainerReady"),
		message("status.conditions.0"), message("status.conditions.1"), message("status.conditions.2"), message("status.conditions.3"),
	}},
	{"v1 task", v1Root + "tasks/EXECUTION-task0", []map[string]string{
		object1("Task", "tasks", "EXECUTION-task0"),
		below("metadata.labels", map[string]string{"run\\.googleapis\\.com/job": helloID, "run\\.googleapis\\.com/execution": "EXECUTION", "run\\.googleapis\\.com/runningState": "Succeeded"}),
		below("metadata.annotations", map[string]string{"run\\.googleapis\\.com/execution-environment": "gen2"}),
		{"status.observedGeneration": "1", "status.startTime": moment1, "status.completionTime": moment1, "status.logUri": "https://.+", "status.index": "0", "status.lastAttemptResult.status": "{}", "status.lastAttemptResult.exitCode": "0"},
		below("spec", taskTemplate1),
		condition1("status.conditions.0", "Completed"), condition1("status.conditions.1", "Started"), condition1("status.conditions.2", "ContainerReady"),
		message("status.conditions.0"), message("status.conditions.1"), message("status.conditions.2"),
	}},
}

const v1Root = "/apis/run.googleapis.com/v1/namespaces/demo/"

var recordedJob = all(map[string]string{
	"name": hello, "uid": uid, "generation": "1", "observedGeneration": "1", "createTime": moment, "updateTime": moment,
	"creator": account, "lastModifier": account, "launchStage": "GA", "etag": `".+"`, "template.taskCount": "1",
}, below("template.template", taskTemplate), condition("terminalCondition", "Ready"))

var recordedJob1 = all(object1("Job", "jobs", helloID), below("metadata.annotations", map[string]string{
	"run\\.googleapis\\.com/creator": account, "run\\.googleapis\\.com/lastModifier": account,
}), map[string]string{
	"spec.template.spec.taskCount": "1", "status.observedGeneration": "1",
	"spec.template.metadata.annotations.run\\.googleapis\\.com/execution-environment": "gen2",
}, below("spec.template.spec.template.spec", taskTemplate1), condition1("status.conditions.0", "Ready"))

func object1(kind, collection, name string) map[string]string {
	return all(map[string]string{"apiVersion": "run.googleapis.com/v1", "kind": kind}, below("metadata", map[string]string{
		"name": name, "namespace": "123456789012", "selfLink": "/apis/run.googleapis.com/v1/namespaces/123456789012/" + collection + "/" + name,
		"uid": uid, "resourceVersion": `".+"`, "generation": "1", "creationTimestamp": moment1,
		"labels.cloud\\.googleapis\\.com/location": "us-east4", "labels.run\\.googleapis\\.com/lastUpdatedTime": moment1,
	}))
}

// TestAnswersHaveTheFieldsOfGoogles checks the presence and the format of every field.
func TestAnswersHaveTheFieldsOfGoogles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialREST(t, s)
	s.answer(t, http.MethodPost, "/v2/"+parent+"/jobs?jobId="+helloID, `{"template": {"template": {"containers": [{"image": "i", "command": ["true"]}]}}}`)
	execution := ""
	for _, test := range recorded { // in this order
		if execution == "" && !strings.HasSuffix(test.what, "never ran") {
			execution = path.Base(c.run(t, nil).Name)
		}
		got := map[string]string{}
		flatten(got, "", s.answer(t, http.MethodGet, strings.ReplaceAll(test.path, "EXECUTION", execution), ""))
		for field, value := range got {
			if execution != "" {
				got[field] = strings.ReplaceAll(value, execution, "EXECUTION")
			}
		}
		want := all(test.want...)
		for field, format := range want {
			if value, ok := got[field]; ok && !regexp.MustCompile("^("+format+")$").MatchString(value) {
				t.Errorf("%s: %s = %q, want the format %s", test.what, field, value, format)
			}
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s: fields differ (-Google's +ours):\n%s", test.what, diff)
		}
	}
}

// answer sends a request and returns the answer's object.
func (s *server) answer(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	status, text := s.call(t, method, path, body)
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil || status != http.StatusOK {
		t.Fatalf("%s %s = %d, %s", method, path, status, text)
	}
	return object
}

// flatten adds the value of every leaf, by its path. A dot within a name has a backslash
// before it.
func flatten(into map[string]string, at string, value any) {
	var names []string
	child := map[string]any{}
	switch v := value.(type) {
	case map[string]any:
		for name, of := range v {
			name = strings.ReplaceAll(name, ".", "\\.")
			names, child[name] = append(names, name), of
		}
	case []any:
		for i, of := range v {
			name := strconv.Itoa(i)
			names, child[name] = append(names, name), of
		}
	default:
		into[at] = fmt.Sprint(v)
		return
	}
	if len(names) == 0 {
		into[at] = "{}"
	}
	for _, name := range names {
		flatten(into, strings.TrimPrefix(at+"."+name, "."), child[name])
	}
}

// below returns fields at a path.
func below(at string, fields map[string]string) map[string]string {
	moved := map[string]string{}
	for field, value := range fields {
		moved[at+"."+field] = value
	}
	return moved
}

func all(parts ...map[string]string) map[string]string {
	whole := map[string]string{}
	for _, part := range parts {
		maps.Copy(whole, part)
	}
	return whole
}
