package display

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestTimes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for past, want := range map[time.Duration]string{
		0:                                 "0s ago",
		999 * time.Millisecond:            "0s ago",
		59 * time.Second:                  "59s ago",
		3*time.Minute + 59*time.Second:    "3m ago",
		23 * time.Hour:                    "23h ago",
		29 * 24 * time.Hour:               "29d ago",
		60 * 24 * time.Hour:               "2026-05-02",
		-300 * time.Millisecond:           "0s ago", // clocks differ a little
		-2 * time.Second:                  "in 2s",
		-(26*time.Hour + 30*time.Minute):  "in 1d",
		-(400*24*time.Hour + time.Minute): "2027-08-05",
	} {
		if got := ago(now, timestamppb.New(now.Add(-past))); got != want {
			t.Errorf("ago(%v) = %q, want %q", past, got, want)
		}
	}
	if got := ago(now, nil); got != never {
		t.Errorf("ago(nil) = %q, want %q", got, never)
	}
	at := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(now.Add(d)) }
	for _, tt := range []struct {
		start, end *timestamppb.Timestamp
		want       string
	}{
		{nil, nil, never},
		{at(-75 * time.Second), nil, "1m15s"},
		{at(-time.Hour), at(-time.Hour + 1234*time.Millisecond), "1.2s"},
		{at(-time.Hour), at(-time.Hour + 12_345*time.Millisecond), "12s"},
		{at(time.Second), nil, "0s"}, // Cloud Run's clock is ahead
	} {
		if got := took(now, tt.start, tt.end); got != tt.want {
			t.Errorf("took(%v, %v) = %q, want %q", tt.start, tt.end, got, tt.want)
		}
	}
}
