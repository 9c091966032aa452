package microtime_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/microtime"
)

func TestRoundDown(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 3600)
	for _, c := range []struct{ given, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.Unix(0, 0), time.Unix(0, 0).UTC()},
		{time.Unix(1, 999), time.Unix(1, 0).UTC()},
		{time.Unix(1, 1000), time.Unix(1, 1000).UTC()},
		{time.Unix(1, 123456789), time.Unix(1, 123456000).UTC()},
		{time.Unix(1, 999999999).In(berlin), time.Unix(1, 999999000).UTC()},
	} {
		if got := microtime.Of(c.given); got != c.want {
			t.Errorf("Of(%v) = %v, want %v", c.given, got, c.want)
		}
		if got := microtime.New(c.given).AsTime(); got != c.want {
			t.Errorf("New(%v) = %v, want %v", c.given, got, c.want)
		}
		given := timestamppb.New(c.given)
		if microtime.Round(given); !given.AsTime().Equal(c.want) {
			t.Errorf("Round(%v) = %v, want %v", c.given, given.AsTime(), c.want)
		}
		if c.given.IsZero() {
			continue // Unix nanoseconds do not express it
		}
		if got := microtime.Nanos(c.given.UnixNano()); got != c.want.UnixNano() {
			t.Errorf("Nanos(%d) = %d, want %d", c.given.UnixNano(), got, c.want.UnixNano())
		}
	}
	microtime.Round(nil)
}
