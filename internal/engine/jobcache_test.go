package engine_test

import (
	"sync"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
)

// Pollers read a job while it changes: each sees no generation after a newer one, and
// who has changed it sees what it has become.
func TestAJobIsReadAsItWasWrittenLast(t *testing.T) {
	t.Parallel()
	e, _ := open(t, t.TempDir())
	createShell(t, e, 1, "true")
	read := func() *runpb.Job {
		job, err := e.Job(t.Context(), &runpb.GetJobRequest{Name: hello})
		if err != nil {
			t.Errorf("Job() = %v", err)
		}
		return job
	}
	const updates = 50
	var pollers sync.WaitGroup
	for range 4 {
		pollers.Go(func() {
			for last := int64(0); last <= updates && !t.Failed(); {
				now := read().GetGeneration()
				if now < last {
					t.Errorf("generation %d was read after %d", now, last)
				}
				last = now
			}
		})
	}
	for want := int64(2); want <= updates+1; want++ {
		job := proto.CloneOf(read())
		job.Etag = ""
		if _, err := e.UpdateJob(t.Context(), &runpb.UpdateJobRequest{Job: job}); err != nil {
			t.Fatal(err)
		}
		if got := read().GetGeneration(); got != want {
			t.Errorf("generation = %d behind update %d, want %d", got, want-1, want)
		}
	}
	pollers.Wait()

	runToEnd(t, e, hello)
	if got := read().GetExecutionCount(); got != 1 {
		t.Errorf("execution count = %d behind a run, want 1", got)
	}
	if _, err := e.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello}); err != nil {
		t.Fatal(err)
	}
	if job, err := e.Job(t.Context(), &runpb.GetJobRequest{Name: hello}); err == nil {
		t.Errorf("Job() = %v behind its deletion, want NOT_FOUND", job)
	}
}
