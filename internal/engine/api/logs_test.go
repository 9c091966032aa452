package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// logFilter selects what an execution's tasks printed.
func logFilter(x *runpb.Execution) string {
	return fmt.Sprintf("resource.type = cloud_run_job \n AND resource.labels.job_name = %s AND resource.labels.location=\"us-east4\"\n"+
		"labels.\"run.googleapis.com/execution_name\" = %q -log_id(\"run.googleapis.com/varlog/system\")",
		x.Job, x.Name[strings.LastIndexByte(x.Name, '/')+1:])
}

// list asks Cloud Logging's own gRPC service for one page.
func (s *server) list(t *testing.T, req *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	t.Helper()
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return loggingpb.NewLoggingServiceV2Client(conn).ListLogEntries(context.WithoutCancel(t.Context()), req)
}

// entries pages through an execution's log, two entries at a time.
func (s *server) entries(t *testing.T, x *runpb.Execution) (all []*loggingpb.LogEntry) {
	t.Helper()
	req := &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"}, Filter: logFilter(x), PageSize: 2}
	for {
		page, err := s.list(t, req)
		if err != nil {
			t.Fatalf("ListLogEntries(%v) = %v", req, err)
		}
		all = append(all, page.Entries...)
		if req.PageToken = page.NextPageToken; req.PageToken == "" {
			return all
		}
	}
}

func TestLogEntriesCarryWhatClientsSelectBy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dialGRPC(t, s)
	c.create(t, shell(`echo one; echo two >&2; sleep 0.01; printf 'last, \377 without newline'`))
	x := c.run(t, nil)

	entries := s.entries(t, x)
	var got []string
	for _, e := range entries {
		got = append(got, strings.TrimPrefix(e.LogName, "projects/demo/logs/run.googleapis.com%2F")+": "+e.GetTextPayload())
		if e.Resource.Type != "cloud_run_job" || e.Resource.Labels["job_name"] != helloID || e.Resource.Labels["location"] != "us-east4" {
			t.Errorf("entry's resource = %v, want the job's", e.Resource)
		}
		if e.Labels["run.googleapis.com/task_index"] != "0" || e.Labels["run.googleapis.com/task_attempt"] != "0" {
			t.Errorf("entry's labels = %v, want task 0, attempt 0", e.Labels)
		}
		if e.Timestamp.AsTime().Before(x.CreateTime.AsTime()) {
			t.Errorf("entry's timestamp = %v, before the execution's creation at %v", e.Timestamp.AsTime(), x.CreateTime.AsTime())
		}
	}
	if len(got) != 3 || got[2] != "stdout: last, \ufffd without newline" {
		t.Errorf("entries = %q, want three, the last one with its invalid byte replaced", got)
	}
	for _, want := range []string{"stdout: one", "stderr: two"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("entries = %q, want %q among them", got, want)
		}
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if seen[e.InsertId] {
			t.Errorf("insert ID %s stands twice", e.InsertId)
		}
		seen[e.InsertId] = true
	}
	since, err := s.list(t, &loggingpb.ListLogEntriesRequest{ResourceNames: []string{"projects/demo"},
		Filter: logFilter(x) + fmt.Sprintf(" AND timestamp>=%q", entries[2].Timestamp.AsTime().Format("2006-01-02T15:04:05.999999999Z07:00"))})
	if err != nil || len(since.Entries) != 1 {
		t.Errorf("entries since the last one's time = %v, %v, want that one", since, err)
	}
}
