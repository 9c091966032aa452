package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2/callctx"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
)

// withHello is a server with the job hello.
func withHello(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	if _, err := s.engine.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: helloID, Job: shell("true")}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Every parameter that Google's REST APIs have everywhere is served or refused by name.
func TestSystemParameters(t *testing.T) {
	t.Parallel()
	s := withHello(t)
	const name = `{"name":"projects/demo/locations/us-east4/jobs/hello"}`
	v2, v1 := "/v2/"+hello+"?prettyPrint=false&", "/apis/run.googleapis.com/v1/namespaces/demo/jobs/hello?prettyPrint=false&"
	for _, test := range []struct {
		path   string
		status int
		says   string // the answer, or a part of it
	}{
		{v2 + "fields=name", 200, name},
		{v2 + "$fields=name", 200, name},
		{v2 + "fields=", 200, ""},
		{v2 + "fields=template.template.containers(image)", 200, `{"template":{"template":{"containers":[{"image":"shell"}]}}}`},
		{"/v2/" + parent + "/jobs?prettyPrint=false&fields=jobs(name),nextPageToken", 200, `{"jobs":[` + name + `]}`},
		{v1 + "fields=kind,metadata/name", 200, `{"kind":"Job","metadata":{"name":"hello"}}`},
		{"/apis/run.googleapis.com/v1/namespaces/demo/jobs?prettyPrint=false&fields=items/metadata/name", 200, `{"items":[{"metadata":{"name":"hello"}}]}`},
		{"/v1/projects/demo?prettyPrint=false&fields=projectId", 200, `{"projectId":"demo"}`},
		{v2 + "fields=names", 400, "fields: names: is not a field of Job, did you mean name?"},
		{v2 + "fields=name(", 400, "fields: expected the name of a field, at character 6"},
		{v2 + "fields=name&fields=uid", 400, "fields: takes one value, not 2"},
		{v2 + "fields=name&$fields=uid", 400, "another mask"},
		{v1 + "fields=metadata(named)", 400, "fields: metadata.named: is not a field of ObjectMeta"},

		{v2 + "alt=json", 200, ""},
		{v2 + "$alt=json;enum-encoding=int&fields=launchStage", 200, `{"launchStage":4}`},
		{v2 + "alt=json;enum-encoding=text", 400, "alt: must be json"},
		{v2 + "alt=media", 400, "alt: must be json"},
		{v2 + "alt=proto", 400, "alt: must be json"},
		{v2 + "alt=sse", 400, "alt: must be json"},
		{v2 + "alt=json&alt=json", 400, "alt: takes one value, not 2"},
		{"/v2/" + hello + "?prettyPrint=true&fields=etag,name", 200, ""},
		{"/v2/" + hello + "?$prettyPrint=no", 400, "$prettyPrint: must be true or false"},
		{v2 + "$.xgafv=2", 200, ""},
		{v2 + "$.xgafv=1", 400, "$.xgafv: must be 2 or left out"},
		{v2 + "key=k&quotaUser=u&$userProject=p&access_token=t", 200, ""},
		{v2 + "oauth_token=t", 200, ""},
		{v2 + "callback=f", 400, "callback: answers are never scripts"},
		{v2 + "uploadType=media", 400, "uploadType: no method here takes an upload"},
		{v2 + "upload_protocol=raw", 400, "upload_protocol: no method here takes an upload"},
		{v2 + "$httpMethod=DELETE", 400, "X-HTTP-Method-Override"},
		{v2 + "$ct=text/plain", 400, "$ct: is not served"},
		{v2 + "$colour=red", 400, "$colour: is not a field of GetJobRequest"},
		{v2 + "etag=%ff", 400, `query: \"etag\" is not valid UTF-8`},
		{v2 + "%zz=1", 400, "query: invalid URL escape"},
		{v2 + "a;b=1", 400, "a;b: is not a field"},
	} {
		status, answer := s.call(t, "GET", test.path, "")
		matches := strings.Contains(answer, test.says)
		if test.status == 200 && test.says != "" {
			matches = strings.TrimSpace(answer) == test.says
		}
		if status != test.status || !matches {
			t.Errorf("GET %s = %d %s, want %d %s", test.path, status, answer, test.status, test.says)
		}
	}
}

// A wrong mask is refused before anything happens.
func TestMaskIsReadFirst(t *testing.T) {
	t.Parallel()
	s := withHello(t)
	if status, answer := s.call(t, "DELETE", "/v2/"+hello+"?fields=colour", ""); status != 400 {
		t.Fatalf("DELETE with a wrong mask = %d %s, want 400", status, answer)
	}
	if _, err := s.engine.Job(t.Context(), &runpb.GetJobRequest{Name: hello}); err != nil {
		t.Errorf("the job after a refused DELETE = %v, want it there", err)
	}
}

// Google's own client asks for partial answers with a header, over gRPC and REST.
func TestMaskOfOfficialClient(t *testing.T) {
	t.Parallel()
	everyClient(t, func(t *testing.T, _ *server, c *client) {
		c.create(t, shell("true"))
		ctx := callctx.SetHeaders(t.Context(), "x-goog-fieldmask", "name,template.task_count")
		got, err := c.jobs.GetJob(ctx, &runpb.GetJobRequest{Name: hello})
		want := &runpb.Job{Name: hello, Template: &runpb.ExecutionTemplate{TaskCount: 1}}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("GetJob() with a mask = %v (-want +got):\n%s", err, diff)
		}
		ctx = callctx.SetHeaders(t.Context(), "x-goog-fieldmask", "name,metadata.name")
		op, err := c.jobs.RunJob(ctx, &runpb.RunJobRequest{Name: hello})
		if err != nil {
			t.Fatal(err)
		}
		meta, err := op.Metadata()
		if err != nil || !strings.HasPrefix(meta.GetName(), hello+"/executions/") || meta.GetUid() != "" {
			t.Errorf("RunJob() with a mask has the metadata %v, %v, want the execution's name alone", meta, err)
		}
		if _, err := c.jobs.GetOperation(t.Context(), &longrunningpb.GetOperationRequest{Name: op.Name()}); err != nil {
			t.Errorf("GetOperation() of a partial answer's name = %v", err)
		}
		ctx = callctx.SetHeaders(t.Context(), "x-goog-fieldmask", "colour")
		_, err = c.jobs.GetJob(ctx, &runpb.GetJobRequest{Name: hello})
		wantCode(t, "GetJob() with a wrong mask", err, codes.InvalidArgument, "X-Goog-FieldMask: colour: is not a field of Job")
	})
}

// A POST with the header of another method is that method.
func TestMethodOverride(t *testing.T) {
	t.Parallel()
	s := withHello(t)
	const form, json = "application/x-www-form-urlencoded", "application/json"
	for _, test := range []struct {
		name, method, path, contentType, body string
		override                              []string
		status                                int
		says                                  string
	}{
		{"GET with a form", "POST", "/v2/" + parent + "/jobs", form, "fields=jobs(name)&pageSize=1", []string{"GET"}, 200, "jobs/hello"},
		{"GET with a query and a form", "POST", "/v2/" + parent + "/jobs?pageSize=1", form, "pageSize=1", []string{"GET"}, 400, "pageSize: takes one value, not 2"},
		{"GET with an empty form", "POST", "/v2/" + hello, form, "", []string{"GET"}, 200, "jobs/hello"},
		{"GET without a body", "POST", "/v2/" + hello, "", "", []string{"GET"}, 200, "jobs/hello"},
		{"GET in v1", "POST", "/apis/run.googleapis.com/v1/namespaces/demo/jobs", form, "limit=1", []string{"GET"}, 200, "hello"},
		{"GET with a wrong form", "POST", "/v2/" + parent + "/jobs", form, "pageSize=many", []string{"GET"}, 400, "pageSize"},
		{"PATCH", "POST", "/v2/" + hello, json, `{"template":{"template":{"containers":{"image":"mapped"}}}}`, []string{"PATCH"}, 200, "operations/"},
		{"POST", "POST", "/v2/" + hello + ":run", json, "{}", []string{"POST"}, 200, "operations/"},
		{"a form for DELETE", "POST", "/v2/" + hello, form, "validateOnly=true", []string{"DELETE"}, 400, "a form is only for GET"},
		{"a form without the header", "POST", "/v2/" + hello, form, "a=b", nil, 415, "application/json"},
		{"a batch elsewhere", "POST", "/v2/" + hello + ":run", "multipart/mixed; boundary=x", "--x--", nil, 415, "application/json"},
		{"another method", "POST", "/v2/" + hello, "", "", []string{"TRACE"}, 400, "X-HTTP-Method-Override: must be one of GET"},
		{"two methods", "POST", "/v2/" + hello, "", "", []string{"GET", "DELETE"}, 400, "X-HTTP-Method-Override: must be one of GET"},
		{"of a GET", "GET", "/v2/" + hello, "", "", []string{"DELETE"}, 400, "X-HTTP-Method-Override: is only for POST"},
		{"of a path without it", "POST", "/v2/" + hello, "", "", []string{"PUT"}, 405, "PUT is no method"},
	} {
		header := http.Header{"X-Http-Method-Override": test.override}
		if test.contentType != "" {
			header.Set("Content-Type", test.contentType)
		}
		status, answer := s.send(t, test.method, test.path, header, test.body)
		if status != test.status || !strings.Contains(answer, test.says) {
			t.Errorf("%s = %d %s, want %d that says %q", test.name, status, answer, test.status, test.says)
		}
	}
}

// A token may be in the query, as Google's APIs allow.
func TestTokenInQuery(t *testing.T) {
	t.Parallel()
	c := serveCallers(t)
	for _, test := range []struct {
		query  string
		status int
	}{
		{"", 401}, {"?access_token=x", 401}, {"?access_token=" + url.QueryEscape(c.token), 200}, {"?oauth_token=" + url.QueryEscape(c.token), 200},
		{"?key=" + url.QueryEscape(c.token), 401},
	} {
		res, err := http.Get("http://" + c.addr + "/v2/" + parent + "/jobs" + test.query)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != test.status {
			t.Errorf("GET with the query %.20s = %d, want %d", test.query, res.StatusCode, test.status)
		}
	}
}
