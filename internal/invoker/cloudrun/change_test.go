package cloudrun

import (
	"context"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/runwith/runwith"
)

// changing is a Cloud Run whose changes take some time.
type changing struct {
	runpb.UnimplementedJobsServer
	runpb.UnimplementedExecutionsServer
	longrunningpb.UnimplementedOperationsServer

	asked []string
	wait  []*longrunningpb.Operation // the answers, in this order
}

func (s *changing) begin(call, name string) (*longrunningpb.Operation, error) {
	s.asked = append(s.asked, call+" "+name)
	return &longrunningpb.Operation{Name: "operations/of " + call}, nil
}

func (s *changing) UpdateJob(_ context.Context, r *runpb.UpdateJobRequest) (*longrunningpb.Operation, error) {
	return s.begin(fmt.Sprint("update ", r.GetAllowMissing()), r.GetJob().GetName())
}

func (s *changing) DeleteJob(_ context.Context, r *runpb.DeleteJobRequest) (*longrunningpb.Operation, error) {
	return s.begin("delete", r.GetName())
}

func (s *changing) CancelExecution(_ context.Context, r *runpb.CancelExecutionRequest) (*longrunningpb.Operation, error) {
	return s.begin("cancel", r.GetName())
}

func (s *changing) DeleteExecution(_ context.Context, r *runpb.DeleteExecutionRequest) (*longrunningpb.Operation, error) {
	if r.GetName() == "none" {
		return nil, status.Error(codes.NotFound, "there is none")
	}
	return s.begin("delete", r.GetName())
}

// WaitOperation answers at once, as Cloud Run may.
func (s *changing) WaitOperation(_ context.Context, r *longrunningpb.WaitOperationRequest) (*longrunningpb.Operation, error) {
	answer := s.wait[0]
	if len(s.wait) > 1 {
		s.wait = s.wait[1:]
	}
	if answer == nil {
		return nil, status.Errorf(codes.NotFound, "no %s", r.GetName())
	}
	return answer, nil
}

// ListOperations gives one a page.
func (s *changing) ListOperations(_ context.Context, r *longrunningpb.ListOperationsRequest) (*longrunningpb.ListOperationsResponse, error) {
	if r.GetPageToken() == "" {
		return &longrunningpb.ListOperationsResponse{Operations: []*longrunningpb.Operation{{Name: r.GetName() + "/operations/2"}}, NextPageToken: "x"}, nil
	}
	return &longrunningpb.ListOperationsResponse{Operations: []*longrunningpb.Operation{{Name: r.GetName() + "/operations/1"}}}, nil
}

func (s *changing) start(t *testing.T) *Client {
	t.Helper()
	server := grpc.NewServer()
	runpb.RegisterJobsServer(server, s)
	runpb.RegisterExecutionsServer(server, s)
	longrunningpb.RegisterOperationsServer(server, s)
	listener := listen(t)
	go server.Serve(listener) // ends with Stop
	t.Cleanup(server.Stop)
	return dial(t, Config{Endpoint: "http://" + listener.Addr().String()})
}

func TestChangesNameTheirOperation(t *testing.T) {
	t.Parallel()
	s := &changing{}
	c := s.start(t)
	ctx := t.Context()
	for _, tt := range []struct {
		want   string
		change func() (string, error)
	}{
		{"operations/of update true", func() (string, error) { return c.UpdateJob(ctx, &runpb.Job{Name: "a/job"}) }},
		{"operations/of delete", func() (string, error) { return c.DeleteJob(ctx, "j") }},
		{"operations/of cancel", func() (string, error) { return c.CancelExecution(ctx, "an/execution") }},
		{"operations/of delete", func() (string, error) { return c.DeleteExecution(ctx, "an/execution") }},
	} {
		if got, err := tt.change(); err != nil || got != tt.want {
			t.Errorf("operation = %q, %v, want %q", got, err, tt.want)
		}
	}
	want := []string{"update true a/job", "delete projects/demo/locations/us-east4/jobs/j", "cancel an/execution", "delete an/execution"}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("what was asked for differs (-want +got):\n%s", diff)
	}
	if _, err := c.DeleteExecution(ctx, "none"); runwith.CodeOf(err) != runwith.NotFound || err.Error() != "there is none" {
		t.Errorf("DeleteExecution(none) = %v, want NOT_FOUND with the server's message", err)
	}
}

func TestWaitOperation(t *testing.T) {
	t.Parallel()
	open, done := &longrunningpb.Operation{Name: "o"}, &longrunningpb.Operation{Name: "o", Done: true}
	failed := &longrunningpb.Operation{Name: "o", Done: true, Result: &longrunningpb.Operation_Error{
		Error: &statuspb.Status{Code: int32(codes.Aborted), Message: "Execution x failed."},
	}}
	for _, tt := range []struct {
		name    string
		answers []*longrunningpb.Operation
		pending int
		code    runwith.Code
		message string
	}{
		{"done", []*longrunningpb.Operation{done}, 0, runwith.OK, ""},
		{"done later", []*longrunningpb.Operation{open, open, done}, 2, runwith.OK, ""},
		{"ended with an error", []*longrunningpb.Operation{open, failed}, 1, runwith.Aborted, "Execution x failed."},
		{"not there", []*longrunningpb.Operation{nil}, 0, runwith.NotFound, "no o"},
	} {
		c := (&changing{wait: tt.answers}).start(t)
		pending := 0
		op, err := c.WaitOperation(t.Context(), "o", func(*longrunningpb.Operation) { pending++ })
		if code := runwith.CodeOf(err); code != tt.code {
			t.Errorf("%s: code of WaitOperation() = %v, want %v", tt.name, code, tt.code)
		}
		if err != nil && err.Error() != tt.message {
			t.Errorf("%s: error = %v, want %q", tt.name, err, tt.message)
		}
		if err == nil && !op.GetDone() {
			t.Errorf("%s: WaitOperation() = %v, want it done", tt.name, op)
		}
		if pending != tt.pending {
			t.Errorf("%s: pending was called %d times, want %d", tt.name, pending, tt.pending)
		}
	}
}

func TestWaitOperationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := (&changing{wait: []*longrunningpb.Operation{{Name: "o"}}}).start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.WaitOperation(ctx, "o", func(*longrunningpb.Operation) { cancel() })
	if runwith.CodeOf(err) != runwith.Canceled {
		t.Errorf("WaitOperation() = %v, want CANCELLED", err)
	}
}

func TestOperationsOfAllPages(t *testing.T) {
	t.Parallel()
	var got []string
	for op, err := range (&changing{}).start(t).Operations(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, op.GetName())
	}
	want := []string{"projects/demo/locations/us-east4/operations/2", "projects/demo/locations/us-east4/operations/1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations differ (-want +got):\n%s", diff)
	}
}
