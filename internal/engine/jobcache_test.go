package engine_test

import (
	"sync"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
)

// TestJobCacheIsNeverStale reads a job while it changes: no reader sees an older generation
// after a newer one, and the writer sees its own change.
func TestJobCacheIsNeverStale(t *testing.T) {
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
					t.Errorf("generation %d was read after generation %d, want no older one", now, last)
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
			t.Errorf("generation after update %d = %d, want %d", want-1, got, want)
		}
	}
	pollers.Wait()

	runToEnd(t, e, hello)
	if got := read().GetExecutionCount(); got != 1 {
		t.Errorf("execution count after a run = %d, want 1", got)
	}
	if _, err := e.DeleteJob(t.Context(), &runpb.DeleteJobRequest{Name: hello}); err != nil {
		t.Fatal(err)
	}
	if job, err := e.Job(t.Context(), &runpb.GetJobRequest{Name: hello}); err == nil {
		t.Errorf("Job() after its deletion = %v, want NOT_FOUND", job)
	}
}
