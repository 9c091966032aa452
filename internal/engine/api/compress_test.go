package api_test

import (
	"strings"
	"testing"

	run "cloud.google.com/go/run/apiv2"
	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// A client may compress its messages. The limit applies to the expanded size.
func TestCompressedMessages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	// The package of the compressor is not imported here: the server's own import makes it
	// known, to this client too.
	jobs, err := run.NewJobsClient(t.Context(), option.WithGRPCConn(connect(t, s.addr, grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip")))))
	if err != nil {
		t.Fatal(err)
	}
	c := &client{jobs: jobs}
	if job := c.create(t, shell("true")); job.GetName() != hello {
		t.Errorf("create with compressed messages = %v, want the job", job)
	}
	for _, size := range []int{2 << 20, 64 << 20} {
		job := shell("true")
		job.Template.Template.Containers[0].Image = strings.Repeat("a", size)
		_, err := jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: "large", Job: job})
		if code := codeOf(err); code != codes.InvalidArgument && code != codes.ResourceExhausted {
			t.Errorf("create a job that expands to %d bytes = %v, want INVALID_ARGUMENT or RESOURCE_EXHAUSTED", size, err)
		}
	}
}
