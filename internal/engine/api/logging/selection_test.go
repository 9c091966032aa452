package logging

import (
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
)

// Structured lines may have a time before that of their writing, so a list up to a time reads on for a
// while. Lines exactly as printed have the time of their writing: a list that read on would read
// minutes of a large log in vain.
func TestSelectionEndsAtItsTime(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 11, 29, 1, 2, 3, 0, time.UTC)
	for agent, want := range map[string]time.Time{"runwith": until, "google-cloud-go": until.Add(maxLag)} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("user-agent", agent))
		s, err := newSelection(ctx, []string{"demo"}, `timestamp<="2026-11-29T01:02:03Z"`)
		if err != nil {
			t.Fatal(err)
		}
		if !s.query.Until.Equal(want) {
			t.Errorf("a list for %s reads until %v, want %v", agent, s.query.Until, want)
		}
	}
}
