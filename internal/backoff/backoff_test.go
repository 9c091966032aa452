package backoff_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/backoff"
)

func TestNextDoublesUpToTheMaximumAndStartsAgainAfterReset(t *testing.T) {
	t.Parallel()
	b := backoff.Backoff{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond}
	var got []time.Duration
	for range 5 {
		got = append(got, b.Next())
	}
	b.Reset()
	got = append(got, b.Next())
	want := []time.Duration{10e6, 20e6, 40e6, 50e6, 50e6, 10e6}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		b    backoff.Backoff
		n    int
		want time.Duration
	}{
		{"first wait", backoff.Backoff{Min: 3, Max: 100}, 0, 3},
		{"third wait", backoff.Backoff{Min: 3, Max: 100}, 2, 12},
		{"at the maximum", backoff.Backoff{Min: 3, Max: 100}, 60, 100},
		{"minimum above the maximum", backoff.Backoff{Min: 300, Max: 100}, 0, 100},
		{"no maximum", backoff.Backoff{Min: 3}, 10, 3 << 10},
		{"no maximum, far beyond the largest duration", backoff.Backoff{Min: 1}, 1000, 1 << 62},
		{"largest maximum", backoff.Backoff{Min: 1, Max: math.MaxInt64}, 1000, 1 << 62},
		{"zero value", backoff.Backoff{}, 5, 0},
	} {
		if got := tt.b.After(tt.n); got != tt.want {
			t.Errorf("%s: After(%d) = %d, want %d", tt.name, tt.n, got, tt.want)
		}
	}
}

func TestSleepWaitsAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := backoff.Sleep(t.Context(), time.Second); err != nil {
			t.Errorf("Sleep() = %v, want nil", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("Sleep(1s) took %v", took)
		}
		why := errors.New("closing")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		if err := backoff.Sleep(ctx, time.Hour); !errors.Is(err, why) {
			t.Errorf("Sleep() with a context that has ended = %v, want its cause", err)
		}
	})
}

func TestJitterIsWithinAFifth(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 1000 {
		d := backoff.Jitter(10 * time.Second)
		if d < 8*time.Second || d > 12*time.Second {
			t.Fatalf("Jitter(10s) = %v, want 8s to 12s", d)
		}
		seen[d] = true
	}
	if len(seen) < 900 {
		t.Errorf("1000 waits have %d values, want that they differ", len(seen))
	}
}
