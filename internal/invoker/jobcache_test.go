package invoker

import (
	"context"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
)

func TestJobCacheKeepsNoLargeJob(t *testing.T) {
	in(t, func(t *testing.T) {
		reads := map[string]int{}
		c := jobCache{read: func(_ context.Context, id string) (*runpb.Job, error) {
			reads[id]++
			return jobOf(id, &runpb.Container{Args: []string{strings.Repeat("x", len(id)*maxJob/len("large"))}}), nil
		}}
		for _, id := range []string{"tiny", "large", "tiny", "large"} {
			if job, err := c.job(t.Context(), id); job == nil || err != nil {
				t.Errorf("job %s = %v, want one", id, err)
			}
		}
		if reads["tiny"] != 1 {
			t.Errorf("the small job was read %d times, want 1", reads["tiny"])
		}
		if reads["large"] != 2 {
			t.Errorf("the large job was read %d times, want 2", reads["large"])
		}
	})
}
