package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// TestScheduleOverKills kills the server again and again over three minutes of a schedule, and
// finds one invocation for each slot.
func TestScheduleOverKills(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	dir := t.TempDir()
	config := filepath.Join(dir, "runwith.yaml")
	if err := os.WriteFile(config, []byte("jobs: {test-job: {}}\nschedules:\n  every: {cron: '* * * * *', job: test-job, overlap: allow}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	s := startUp(t, data, "--config", config)
	client := &runwith.Client{Server: s.url}
	var next []time.Time
	eventually.True(t, "the schedule is loaded", func() (known bool) {
		var err error
		next, err = client.NextSlots(t.Context(), "every", 3)
		return err == nil
	})
	for _, slot := range next {
		for _, moment := range []time.Duration{-50 * time.Millisecond, 5 * time.Millisecond, 40 * time.Millisecond, 200 * time.Millisecond} {
			pause(t, time.Until(slot.Add(moment)))
			if err := s.kill(); err != nil {
				t.Fatal(err)
			}
			s = startUp(t, data, "--config", config)
		}
	}
	client = &runwith.Client{Server: s.url}
	started := map[time.Time]int{}
	eventually.True(t, "the last slot has started", func() bool {
		clear(started)
		for i, err := range client.Invocations(t.Context(), &runwith.ListOptions{Source: "schedule/every"}) {
			if err != nil {
				t.Fatal(err)
			}
			started[i.Source.Slot.UTC()]++
		}
		return started[next[len(next)-1].UTC()] > 0
	})
	for _, slot := range next {
		if n := started[slot.UTC()]; n != 1 {
			t.Errorf("slot %v has %d invocations, want 1", slot, n)
		}
	}
}

// pause waits for a time of the clock: slots of a schedule have fixed times.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), max(0, d))
	defer cancel()
	<-ctx.Done()
}
