package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestTable(t *testing.T) {
	t.Parallel()
	sample := func() *table {
		filled := &table{indent: " ", head: []string{"NAME", "STATE", "MESSAGE"}}
		row := words("größer", "failed", "two\nlines and \x1b[2Ja code")
		row[1].look = stateStyle("failed")
		filled.add(row...)
		filled.add(words("x", "running", "")...)
		return filled
	}
	for _, tt := range []struct {
		name   string
		screen screen
		want   string
	}{
		{"piped", screen{}, "" +
			" NAME    STATE    MESSAGE\n" +
			" größer  failed   two lines and  [2Ja code\n" +
			" x       running\n"},
		{"coloured", screen{colour: true}, "" +
			" \x1b[1mNAME\x1b[0m    \x1b[1mSTATE\x1b[0m    \x1b[1mMESSAGE\x1b[0m\n" +
			" größer  \x1b[31mfailed\x1b[0m   two lines and  [2Ja code\n" +
			" x       running\n"},
		{"cut in a cell", screen{width: 23}, "" +
			" NAME    STATE    MESS…\n" +
			" größer  failed   two …\n" +
			" x       running\n"},
		{"cut before a cell", screen{width: 17}, "" +
			" NAME    STATE\n" +
			" größer  failed\n" +
			" x       running\n"},
		{"cut to nothing", screen{width: 3}, " N…\n g…\n x\n"},
	} {
		var out strings.Builder
		tt.screen.Writer = &out
		if err := sample().write(&tt.screen); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, out.String()); diff != "" {
			t.Errorf("%s: table differs (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTimesForPeople(t *testing.T) {
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
