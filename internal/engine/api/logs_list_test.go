package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/microtime"
)

// listREST posts a request as gcloud does and returns the status and the answer.
func (s *server) listREST(t *testing.T, agent, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v2/entries:list?alt=json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", agent)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("answer %s: %v", text, err)
	}
	return res.StatusCode, answer
}

// The body is one that gcloud was seen to send.
func TestCallersThatNeedTextGetText(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	c.create(t, shell(`echo '{"severity":"ERROR","message":"broken", "big": 12345678901234567890}'`))
	c.run(t, nil)
	body := fmt.Sprintf(`{
		"filter": "resource.type = cloud_run_job \n AND resource.labels.job_name = hello \n AND resource.labels.location = us-east4 \n AND severity >= DEFAULT \n AND timestamp>=\"%s\"",
		"orderBy": "timestamp desc", "pageSize": 1000, "resourceNames": ["projects/demo"]
	}`, time.Now().AddDate(0, 0, -1).UTC().Format(time.RFC3339Nano))
	const (
		text      = `textPayload {"severity":"ERROR","message":"broken", "big": 12345678901234567890}`
		structure = `jsonPayload map[big:1.2345678901234567e+19 message:broken]`
	)
	for agent, want := range map[string]string{
		"google-cloud-sdk gcloud/528.0.0 command/gcloud.run.jobs.logs.read invocation-id/1 (Linux 6)": text,
		"gcloud/528.0.0 command/gcloud.beta.run.jobs.logs.read invocation-id/1":                       text,
		"gcloud/528.0.0 command/gcloud.alpha.run.jobs.executions.logs.read":                           text,
		"runwith": text,
		"google-cloud-sdk gcloud/528.0.0 command/gcloud.logging.read invocation-id/1 (Linux 6)": structure,
		"gcloud/528.0.0 command/gcloud.beta.logging.read":                                       structure,
		"gcloud/528.0.0 command/gcloud.app.logs.read":                                           structure,
		"gcloud/528.0.0":    structure,
		"curl/8":            structure,
		"my-gcloud-wrapper": structure,
	} {
		code, answer := s.listREST(t, agent, body)
		entries, _ := answer["entries"].([]any)
		if code != http.StatusOK || len(entries) != 2 {
			t.Fatalf("%s: %d, %v, want two entries", agent, code, answer)
		}
		entry, _ := entries[1].(map[string]any)
		got := ""
		for _, payload := range []string{"textPayload", "jsonPayload"} {
			if entry[payload] != nil {
				got += fmt.Sprint(payload, " ", entry[payload])
			}
		}
		if got != want || entry["severity"] != "ERROR" {
			t.Errorf("%s: %s with severity %v, want %s with ERROR", agent, got, entry["severity"], want)
		}
		if system, _ := entries[0].(map[string]any); system["textPayload"] != "Container called exit(0)." {
			t.Errorf("%s: the newest entry = %v, want what the platform says", agent, system)
		}
	}
}

// TestTimeOfStructuredLine checks that the time in a structured line is the entry's time, also for
// filters. Clients that get text see the time of writing.
func TestTimeOfStructuredLine(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	told := microtime.Of(time.Now())
	c.create(t, shell(fmt.Sprintf(`sleep 0.01; echo '{"message":"m","time":%q}'`, told.Format(time.RFC3339Nano))))
	c.run(t, nil)
	for operator, want := range map[string]map[string]int{ // how an entry's time, if there is one, compares with that
		"=":  {"curl/8": 0, "runwith": -1},
		"<=": {"curl/8": 0, "runwith": -1},
		">":  {"curl/8": -1, "runwith": 1},
	} {
		body := fmt.Sprintf(`{"filter": "log_id(\"run.googleapis.com/stdout\") timestamp%s\"%s\"", "resourceNames": ["projects/demo"]}`,
			operator, told.Format(time.RFC3339Nano))
		for agent, want := range want {
			_, answer := s.listREST(t, agent, body)
			got := -1
			if entries, _ := answer["entries"].([]any); len(entries) > 0 {
				entry, _ := entries[0].(map[string]any)
				at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(entry["timestamp"]))
				if err != nil {
					t.Fatal(err)
				}
				got = at.Compare(told)
			}
			if got != want {
				t.Errorf("%s: entries of timestamp%s%v = %v, want %d for a time of theirs", agent, operator, told, answer, want)
			}
		}
	}
}

func TestListsRefuseWhatTheyDoNotServe(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	c.create(t, shell("echo 1; echo 2; echo 3"))
	c.run(t, nil)
	request := func() *loggingpb.ListLogEntriesRequest {
		return &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"}, Filter: "severity>=DEFAULT", PageSize: 1}
	}
	page, err := s.list(t, request())
	if err != nil || page.NextPageToken == "" {
		t.Fatalf("ListLogEntries() = %v, %v, want a page and a token", page, err)
	}
	for want, change := range map[string]func(r *loggingpb.ListLogEntriesRequest){
		`filter: at position 10: expected a comparison, found "~"`:               func(r *loggingpb.ListLogEntriesRequest) { r.Filter = "severity ~ E" },
		`resource_names: has 0 names, must have 1 to 100, such as projects/demo`: func(r *loggingpb.ListLogEntriesRequest) { r.ResourceNames = nil },
		`resource_names: "folders/1" is no project, such as projects/demo`:       func(r *loggingpb.ListLogEntriesRequest) { r.ResourceNames[0] = "folders/1" },
		`resource_names: "projects/" is no project, such as projects/demo`:       func(r *loggingpb.ListLogEntriesRequest) { r.ResourceNames[0] = "projects/" },
		`resource_names: "projects/demo/locations/global/buckets/_Default/views/_Default" is a bucket or a view of one; there are none here, name the project alone`: func(r *loggingpb.ListLogEntriesRequest) {
			r.ResourceNames = append(r.ResourceNames, "projects/demo/locations/global/buckets/_Default/views/_Default")
		},
		`page_size: is -1, must be 0 to 1000`:                                  func(r *loggingpb.ListLogEntriesRequest) { r.PageSize = -1 },
		`page_size: is 1001, must be 0 to 1000`:                                func(r *loggingpb.ListLogEntriesRequest) { r.PageSize = 1001 },
		`order_by: is "severity", must be "timestamp asc" or "timestamp desc"`: func(r *loggingpb.ListLogEntriesRequest) { r.OrderBy = "severity" },
		`page_token: "rubbish" does not belong to this list: use the token from an answer to the same request`: func(r *loggingpb.ListLogEntriesRequest) {
			r.PageToken = "rubbish"
		},
		fmt.Sprintf(`page_token: %.40q does not belong to this list: use the token from an answer to the same request`, page.NextPageToken): func(r *loggingpb.ListLogEntriesRequest) {
			r.PageToken, r.OrderBy = page.NextPageToken, "timestamp desc"
		},
	} {
		req := request()
		change(req)
		_, err := s.list(t, req)
		if status.Code(err) != codes.InvalidArgument || status.Convert(err).Message() != want {
			t.Errorf("ListLogEntries(%v) = %v, want InvalidArgument: %s", req, err, want)
		}
	}
	code, answer := s.listREST(t, "curl/8", `{"resourceNames": ["projects/demo"], "filter": "a ="}`)
	fault, _ := answer["error"].(map[string]any)
	if code != http.StatusBadRequest || fault["status"] != "INVALID_ARGUMENT" {
		t.Errorf("REST: %d, %v, want 400 and INVALID_ARGUMENT", code, answer)
	}
}

// A page token survives a restart, and its pages include later lines.
func TestListsGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir, engine.Config{})
	c := dialGRPC(t, s)
	c.create(t, shell("for i in 1 2 3 4 5; do echo $i; done"))
	c.run(t, nil)
	req := &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"}, PageSize: 4, Filter: "log_id(\"run.googleapis.com/stdout\")"}
	before, err := s.list(t, req)
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	s = openServer(t, dir, engine.Config{})
	dialGRPC(t, s).run(t, nil)
	req.PageToken = before.NextPageToken
	after, err := s.list(t, req)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range append(before.Entries, after.Entries...) {
		got = append(got, e.GetTextPayload())
	}
	if want := []string{"1", "2", "3", "4", "5", "1", "2", "3"}; !cmp.Equal(want, got) {
		t.Errorf("entries of two pages = %q, want %q", got, want)
	}
}

func TestDeletedExecutionHasNoEntries(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	c.create(t, shell("echo printed"))
	kept, deleted := c.run(t, nil), c.run(t, nil)
	op, err := c.executions.DeleteExecution(t.Context(), &runpb.DeleteExecutionRequest{Name: deleted.Name})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := op.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if entries := s.entries(t, deleted); len(entries) != 0 {
		t.Errorf("entries of a deleted execution = %v, want none", entries)
	}
	page, err := s.list(t, &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"}, Filter: "printed"})
	if err != nil || len(page.Entries) != 1 || !strings.HasPrefix(page.Entries[0].InsertId, kept.Name[strings.LastIndexByte(kept.Name, '/')+1:]) {
		t.Errorf("entries of the project = %v, %v, want the one that %s has", page, err, kept.Name)
	}
}

// TestPlatformLines checks the platform's lines about ends of attempts, which have Cloud Run's
// wording if it is known.
func TestPlatformLines(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	timeout := shell("sleep 1000")
	timeout.Template.Template.Timeout = seconds(1)
	retried := shell("exit 7")
	retried.Template.Template.Retries = &runpb.TaskTemplate_MaxRetries{MaxRetries: 1}
	missing := shell("true")
	missing.Template.Template.Containers[0].Command = []string{"/no/such/command"}
	for name, test := range map[string]struct {
		job  *runpb.Job
		want []string
	}{
		"success": {shell("true"), []string{"0 INFO Container called exit(0)."}},
		"retried": {retried, []string{"0 WARNING Container called exit(7).", "1 WARNING Container called exit(7)."}},
		"killed":  {shell("kill -9 $$"), []string{"0 WARNING Container terminated on signal 9."}},
		"timeout": {timeout, []string{
			"0 ERROR Terminating task because it has reached the maximum timeout of 1 seconds. To change this limit, see https://cloud.google.com/run/docs/configuring/task-timeout",
			"0 WARNING Container terminated on signal 15.",
		}},
		"missing": {missing, []string{"0 ERROR Application failed to start:"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: name, Job: test.job})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := op.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, run := c.startJob(t, parent+"/jobs/"+name)
			_, _ = run.Wait(t.Context()) // it may end with an error
			page, err := s.list(t, &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"},
				Filter: `resource.labels.job_name=` + name + ` log_id("run.googleapis.com/varlog/system")`})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range page.Entries {
				text := e.GetTextPayload()
				if strings.HasPrefix(text, "Application failed") { // the cause is the machine's to say
					text = "Application failed to start:"
				}
				got = append(got, fmt.Sprintf("%s %v %s", e.Labels["run.googleapis.com/task_attempt"], e.Severity, text))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what the platform says differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPollerMissesNoLine asks for the lines since the last one, again and again while
// tasks end: no line may appear that is older than one that was sent before.
func TestPollerMissesNoLine(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	const tasks = 200
	job := shell("echo one; echo two")
	job.Template.TaskCount, job.Template.Parallelism = tasks, 8
	c.create(t, job)
	x, run := c.start(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = run.Wait(t.Context())
	}()
	seen := map[string]string{} // by insert ID
	since := x.CreateTime.AsTime()
	for last := false; !last; {
		select {
		case <-ended:
			last = true
		default:
		}
		req := &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"}, PageSize: 1000,
			Filter: fmt.Sprintf("timestamp>=%q", since.Format(time.RFC3339Nano))}
		for more := true; more; more = req.PageToken != "" {
			page, err := s.list(t, req)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Entries {
				seen[e.InsertId] = e.GetTextPayload()
				since = e.Timestamp.AsTime()
			}
			req.PageToken = page.NextPageToken
		}
	}
	got := map[string]int{}
	for _, text := range seen {
		got[text]++
	}
	if diff := cmp.Diff(map[string]int{"one": tasks, "two": tasks, "Container called exit(0).": tasks}, got); diff != "" {
		t.Errorf("a poller's lines differ (-want +got):\n%s", diff)
	}
}
