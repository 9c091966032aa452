package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// shell runs command lines in this process.
type shell struct {
	stdin    string
	endpoint string
}

// run runs a command line that must end with code, and returns its output.
func (s shell) run(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	root := newRoot()
	root.SetIn(strings.NewReader(s.stdin))
	root.SetOut(&out)
	root.SetErr(&err)
	if s.endpoint != "" {
		args = append(args, "--endpoint", s.endpoint)
	}
	if got := execute(t.Context(), root, args); got != code {
		t.Fatalf("runwith %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), err.String())
	}
	return out.String(), err.String()
}

// ok runs a command line that must succeed, and returns its output.
func (s shell) ok(t *testing.T, args ...string) string {
	t.Helper()
	out, _ := s.run(t, exitOK, args...)
	return out
}

// list runs a command that lists, with --json.
func list[M proto.Message](t *testing.T, s shell, empty func() M, args ...string) []M {
	t.Helper()
	var texts []json.RawMessage
	if err := json.Unmarshal([]byte(s.ok(t, append(args, "--json")...)), &texts); err != nil {
		t.Fatalf("runwith %s: %v", strings.Join(args, " "), err)
	}
	messages := make([]M, len(texts))
	for i, text := range texts {
		messages[i] = empty()
		if err := protojson.Unmarshal(text, messages[i]); err != nil {
			t.Fatalf("runwith %s: %v", strings.Join(args, " "), err)
		}
	}
	return messages
}

func emptyJob() *runpb.Job             { return &runpb.Job{} }
func emptyExecution() *runpb.Execution { return &runpb.Execution{} }

// has checks that each regular expression matches a whole line of a text.
func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(text) {
			t.Errorf("there is no line %q in:\n%s", line, text)
		}
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const nightly = `
name: nightly
labels: {team: night}
template:
  taskCount: 2
  template:
    maxRetries: 0
    containers:
      - name: main
        image: test-job
        args: [one, two words, ""]
        env: [{name: A, value: B}, {name: KEY, valueSource: {secretKeyRef: {secret: s, version: latest}}}]
`

func TestApplyJobs(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	sh := shell{endpoint: s.url}
	file := write(t, "nightly.yaml", nightly)
	other := write(t, "other.json", `{"name": "projects/demo/locations/us-west1/jobs/other", "template": {"template": {"containers": [{"image": "x"}]}}}`)

	has(t, sh.ok(t, "jobs", "apply", "-f", file, "-f", other), "job nightly created in us-east4 of demo", "job other created in us-west1 of demo")
	has(t, sh.ok(t, "jobs", "apply", "-f", file, "-f", other), "job nightly unchanged in us-east4 of demo", "job other unchanged in us-west1 of demo")
	sh.stdin = strings.Replace(nightly, "taskCount: 2", "taskCount: 3", 1)
	has(t, sh.ok(t, "jobs", "apply", "-f", "-"), "job nightly updated in us-east4 of demo")
	jobs := list(t, sh, emptyJob, "jobs", "list")
	if len(jobs) != 2 {
		t.Fatalf("jobs = %v, want nightly and test-job", jobs)
	}
	if name := jobs[0].GetName(); !strings.HasSuffix(name, "/nightly") {
		t.Errorf("first job = %q, want nightly", name)
	}
	if generation := jobs[0].GetGeneration(); generation != 2 {
		t.Errorf("generation after one update = %d, want 2", generation)
	}
	if tasks := jobs[0].GetTemplate().GetTaskCount(); tasks != 3 {
		t.Errorf("tasks after the update = %d, want 3", tasks)
	}
	if there := list(t, sh, emptyJob, "jobs", "list", "--region", "us-west1"); len(there) != 1 {
		t.Errorf("jobs of us-west1 = %v, want the one whose name says so", there)
	}

	// One file that cannot be read keeps the others from being applied.
	fine := write(t, "fine.yaml", strings.Replace(nightly, "nightly", "fine", 1))
	_, stderr := sh.run(t, exitFailure, "jobs", "apply", "-f", fine, "-f", write(t, "bad.yaml", "name: bad\ntemplat: {}\n"))
	has(t, stderr, `runwith: read job: .*bad\.yaml:2:1: templat: is not a field of Job, did you mean template\? .*`)
	if jobs := list(t, sh, emptyJob, "jobs", "list"); len(jobs) != 2 {
		t.Errorf("there are %d jobs, want 2: nothing applied", len(jobs))
	}
	// The error of a job that Cloud Run refuses names the file.
	refused := write(t, "refused.yaml", strings.Replace(nightly, "taskCount: 2", "taskCount: 20000", 1))
	_, stderr = sh.run(t, exitFailure, "jobs", "apply", "-f", refused)
	has(t, stderr, `runwith: .*refused\.yaml: template\.task_count: .*`)
}

// A file may have the form of v1, as gcloud run jobs replace takes it and describe
// shows it.
func TestApplyJobsOfV1(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	sh := shell{endpoint: s.url}
	const job = `
apiVersion: run.googleapis.com/v1
kind: Job
metadata:
  name: weekly
  namespace: '123456789012'
  annotations: {run.googleapis.com/launch-stage: BETA}
spec:
  template:
    spec:
      taskCount: 2
      template:
        spec:
          containers: [{image: test-job, env: [{name: A, value: B}]}]
          timeoutSeconds: 300
`
	elsewhere := strings.NewReplacer("'123456789012'", "demo", "  annotations", "  labels: {cloud.googleapis.com/location: us-west1}\n  annotations").Replace(job)
	as := func(text string) string { return write(t, "weekly.yaml", text) }
	has(t, sh.ok(t, "jobs", "apply", "-f", as(job), "-f", as(elsewhere)), "job weekly created in us-east4 of demo", "job weekly created in us-west1 of demo")
	has(t, sh.ok(t, "jobs", "apply", "-f", as(job)), "job weekly unchanged in us-east4 of demo")
	has(t, sh.ok(t, "jobs", "apply", "-f", as(strings.Replace(job, "taskCount: 2", "taskCount: 3", 1))), "job weekly updated in us-east4 of demo")
	there := list(t, sh, emptyJob, "jobs", "list")
	if len(there) != 2 {
		t.Fatalf("jobs = %v, want weekly and test-job", there)
	}
	if tasks := there[0].GetTemplate().GetTaskCount(); tasks != 3 {
		t.Errorf("tasks after the update = %d, want 3", tasks)
	}
	if stage := there[0].GetLaunchStage().String(); stage != "BETA" {
		t.Errorf("launch stage = %s, want BETA", stage)
	}
	if timeout := there[0].GetTemplate().GetTemplate().GetTimeout().GetSeconds(); timeout != 300 {
		t.Errorf("timeout = %d s, want 300", timeout)
	}
	if there := list(t, sh, emptyJob, "jobs", "list", "--region", "us-west1"); len(there) != 1 {
		t.Errorf("jobs elsewhere = %v, want the one whose label says so", there)
	}
	// A region that is chosen precedes the label.
	has(t, sh.ok(t, "jobs", "apply", as(elsewhere), "--region", "europe-west1"), "job weekly created in europe-west1 of demo")
	foreign := strings.Replace(job, "'123456789012'", "other", 1)
	_, stderr := sh.run(t, exitFailure, "jobs", "apply", as(foreign))
	has(t, stderr, `runwith: read job: \S+:6:3: metadata\.namespace: must be the project's ID, demo, or its number, not "other": .*`)
	has(t, sh.ok(t, "jobs", "apply", as(foreign), "--project", "other"), "job weekly created in us-east4 of other")
	shown := sh.ok(t, "jobs", "describe", "weekly")
	has(t, shown, "Job weekly")
}

// Update may start an execution, and is done when that is as the job asks.
func TestApplyJobThatRuns(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	sh := shell{endpoint: s.url, stdin: nightly + "runExecutionToken: first-run\n"}
	sh.stdin = strings.Replace(sh.stdin, ", {name: KEY, valueSource: {secretKeyRef: {secret: s, version: latest}}}", "", 1)
	has(t, sh.ok(t, "jobs", "apply", "-f", "-"), "job nightly created in us-east4 of demo")
	// Its ID does not tell where the job's ends.
	has(t, sh.ok(t, "executions", "describe", "nightly-first-run"), "Execution nightly-first-run", `  State +succeeded after .*`)

	sh.stdin = strings.NewReplacer("first-run", "second", "A, value: B", "FAIL, value: '1'").Replace(sh.stdin)
	_, stderr := sh.run(t, exitFailure, "jobs", "apply", "-f", "-")
	has(t, stderr, `runwith: standard input: Execution nightly-second failed\.`)
}

func TestDescribeJob(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	sh := shell{endpoint: s.url, stdin: nightly}
	sh.ok(t, "jobs", "apply", "-f", "-")
	for _, name := range []string{"nightly", "projects/demo/locations/us-east4/jobs/nightly"} {
		text := sh.ok(t, "jobs", "describe", name, "--region", "us-east4")
		has(t, text, "Job nightly", "  State +ready", "  Label +team=night", "Conditions", `  Ready +succeeded +\ds ago`,
			"Each execution", "  Tasks +2", "  Retries +0", "  Timeout +10m0s",
			"Container main", "  Image +test-job", `  Arguments +one "two words" ""`, "  Limit +cpu=1000m", " +memory=512Mi",
			"  Environment +A=B", " +KEY from secret s, version latest")
		if strings.Contains(text, "\x1b") {
			t.Errorf("there is colour in what goes to no terminal: %q", text)
		}
	}
	var job runpb.Job
	text := sh.ok(t, "jobs", "describe", "nightly", "--json")
	if err := protojson.Unmarshal([]byte(text), &job); err != nil || job.GetLabels()["team"] != "night" {
		t.Errorf("describe --json = %s, %v; want the job", text, err)
	}
	has(t, text, `  "labels": \{`)
}

// The deletion of a job waits until its executions have ended.
func TestDeleteJob(t *testing.T) {
	t.Parallel()
	s := startHolding(t)
	sh := shell{endpoint: s.url}
	s.firstLine(t, s.start(t))
	if left := taskProcesses(s.data); len(left) == 0 {
		t.Fatal("no task runs")
	}
	has(t, sh.ok(t, "jobs", "list"), `JOB +STATE +TASKS +EXECUTIONS +LAST EXECUTION +UPDATED`, `hold +ready +1 +1 +running \ds ago +\d+s ago`)
	has(t, sh.ok(t, "jobs", "delete", "hold"), "job hold deleted")
	if left := taskProcesses(s.data); len(left) > 0 {
		t.Errorf("after the deletion there are %q", left)
	}
	if text := sh.ok(t, "jobs", "list", "--json"); text != "[]\n" {
		t.Errorf("jobs = %q, want none", text)
	}
	for _, command := range []string{"describe", "delete"} {
		_, stderr := sh.run(t, exitFailure, "jobs", command, "hold")
		has(t, stderr, `runwith: job hold does not exist in projects/demo/locations/us-east4 of http://127\.0\.0\.1:\d+: list them with runwith jobs list, .*`)
	}
}

func TestCloudRunThatIsNotThere(t *testing.T) {
	t.Parallel()
	sh := shell{endpoint: "http://127.0.0.1:1"}
	for _, line := range []string{"jobs list", "jobs delete x", "executions list", "executions logs -f x-1", "operations list"} {
		_, stderr := sh.run(t, exitFailure, strings.Fields(line)...)
		has(t, stderr, `runwith: http://127\.0\.0\.1:1 cannot be reached: start the server, or correct --endpoint`)
	}
}
