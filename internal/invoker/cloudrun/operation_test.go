package cloudrun

import (
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/runwith/runwith"
)

// TestAwaitEnd reads the execution from each kind of operation that a run may be.
func TestAwaitEnd(t *testing.T) {
	t.Parallel()
	pack := func(m proto.Message) *anypb.Any {
		packed, err := anypb.New(m)
		if err != nil {
			t.Fatal(err)
		}
		return packed
	}
	execution := pack(&runpb.Execution{Name: "e"})
	s := &server{ops: map[string]*longrunningpb.Operation{
		"runs":      {Metadata: execution},
		"succeeded": {Metadata: execution, Done: true, Result: &longrunningpb.Operation_Response{Response: execution}},
		"failed":    {Metadata: execution, Done: true, Result: &longrunningpb.Operation_Error{Error: &statuspb.Status{Code: 10}}},
		"other":     {Metadata: pack(&runpb.Job{Name: "j"}), Done: true},
		"empty":     {Done: true},
	}}
	c := s.start(t)
	for operation, want := range map[string]string{"runs": "e", "succeeded": "e", "failed": "e", "other": "", "empty": ""} {
		got, err := c.AwaitEnd(t.Context(), operation, time.Minute)
		if got.GetName() != want || err != nil {
			t.Errorf("AwaitEnd(%s) = %v, %v, want execution %q", operation, got, err, want)
		}
	}
	if _, err := c.AwaitEnd(t.Context(), "missing", time.Minute); runwith.CodeOf(err) != runwith.NotFound {
		t.Errorf("AwaitEnd(missing) = %v, want NOT_FOUND", err)
	}
}
