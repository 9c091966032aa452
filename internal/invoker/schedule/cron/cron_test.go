package cron_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/invoker/schedule/cron"
)

func next(t *testing.T, line, zone, after string, n int) (due []string) {
	t.Helper()
	l := parse(t, line)
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05", after, loc)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		if at = l.Next(at, loc); at.IsZero() {
			return append(due, "never")
		}
		due = append(due, at.In(loc).Format("2006-01-02 15:04 -0700"))
	}
	return due
}

// TestChangesOfClocks is the table of docs/schedules.md.
func TestChangesOfClocks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, line, zone, after string
		want                    []string
	}{
		{"skipped", "30 2 * * *", "Europe/Berlin", "2026-03-28 12:00:00", []string{"2026-03-29 03:00 +0200", "2026-03-30 02:30 +0200"}},
		{"skipped together", "*/15 2 * * *", "Europe/Berlin", "2026-03-28 12:00:00", []string{"2026-03-29 03:00 +0200", "2026-03-30 02:00 +0200"}},
		{"skipped, hourly", "30 * * * *", "Europe/Berlin", "2026-03-29 00:45:00", []string{"2026-03-29 01:30 +0100", "2026-03-29 03:30 +0200"}},
		{"repeated", "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00:00", []string{"2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"}},
		{"repeated, hourly", "30 * * * *", "Europe/Berlin", "2026-10-25 01:00:00", []string{"2026-10-25 01:30 +0200", "2026-10-25 02:30 +0200", "2026-10-25 02:30 +0100", "2026-10-25 03:30 +0100"}},
		{"repeated, minutes", "*/30 2 * * *", "Europe/Berlin", "2026-10-24 12:00:00",
			[]string{"2026-10-25 02:00 +0200", "2026-10-25 02:30 +0200", "2026-10-25 02:00 +0100", "2026-10-25 02:30 +0100", "2026-10-26 02:00 +0100"}},
		{"half an hour", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00:00", []string{"2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"}},
		{"two hours", "30 1 * * *", "Antarctica/Troll", "2026-03-28 12:00:00", []string{"2026-03-29 03:00 +0200", "2026-03-30 01:30 +0200"}},
		{"midnight is skipped", "@daily", "Africa/Cairo", "2026-04-23 12:00:00", []string{"2026-04-24 01:00 +0300", "2026-04-25 00:00 +0300"}},
		{"a day is skipped", "0 9 * * *", "Pacific/Apia", "2011-12-29 08:00:00", []string{"2011-12-29 09:00 -1000", "2011-12-31 00:00 +1400", "2011-12-31 09:00 +1400"}},
	} {
		if diff := cmp.Diff(test.want, next(t, test.line, test.zone, test.after, len(test.want))); diff != "" {
			t.Errorf("%s: %s in %s (-want +got):\n%s", test.name, test.line, test.zone, diff)
		}
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line string
		want []string
	}{
		{"0 0 13 * 5", []string{"2026-01-02", "2026-01-09", "2026-01-13"}}, // one of the two
		{"0 0 */30 * 4", []string{"2026-01-01", "2026-10-01"}},             // both, because one begins with *
		{"0 0 29 2 *", []string{"2028-02-29", "2032-02-29"}},
		{"0 0 29 2 *", []string{"2028-02-29"}},
		{"0 0 * * 7", []string{"2026-01-04", "2026-01-11"}},
		{"0 0 * * fri-sun", []string{"2026-01-02", "2026-01-03", "2026-01-04", "2026-01-09"}},
		{"0 0 1 jan,JUL *", []string{"2026-01-01", "2026-07-01"}},
		{"0 0 1-10/4 * *", []string{"2026-01-01", "2026-01-05", "2026-01-09", "2026-02-01"}},
	} {
		var got []string
		for _, at := range next(t, test.line, "UTC", "2025-12-31 23:00:00", len(test.want)) {
			got = append(got, strings.Fields(at)[0])
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.line, diff)
		}
	}
}

func TestNever(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"0 0 31 2 *":                            "never be due",
		"0 0 30 FEB *":                          "never be due",
		"0 0 31 2,4,6,9,11 *":                   "never be due",
		"* * * * * *":                           "seconds and years are not supported",
		"* * * * * * *":                         "seconds and years are not supported",
		"* * * *":                               "has 4 fields",
		"":                                      "has 0 fields",
		"@reboot":                               "@reboot is not supported",
		"@every 5m":                             "@every is not supported",
		"@dayly":                                "not a macro",
		"@daily ":                               "not a macro",
		"60 * * * *":                            `minute "60": "60" must be a number from 0 to 59`,
		"* 24 * * *":                            `hour "24"`,
		"* * 0 * *":                             `day of month "0"`,
		"* * * 13 *":                            `"13" must be a number from 1 to 12, or a name such as JAN`,
		"* * * * 8":                             `day of week "8"`,
		"* * * * mo":                            `"mo" must be a number from 0 to 7, or a name such as SUN`,
		"*/0 * * * *":                           "the step /0 must be",
		"*/60 * * * *":                          "would never be taken",
		"*/+5 * * * *":                          "the step /+5",
		"5/15 * * * *":                          "a step needs a range",
		"+5 * * * *":                            "must be a number",
		"30-10 * * * *":                         "ends before it begins",
		"1,,2 * * * *":                          "a value is missing",
		"* * L * *":                             "L, W and # are not supported",
		"* * 15W * *":                           "L, W and # are not supported",
		"* * ? * *":                             "?, L, W and # are not supported",
		"* * * * 5#2":                           "# are not supported",
		"* * * * 5L":                            "must be a number",
		"-5 * * * *":                            "a value is missing before or after -",
		"5- * * * *":                            "a value is missing before or after -",
		"1/2/3 * * * *":                         "a step needs a range",
		strings.Repeat("1,", 300) + "1 * * * *": "longer than 500 bytes",
	} {
		if _, err := cron.Parse(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %v, want %q", line, err, want)
		}
	}
}

// TestRareLinesAreFound looks for lines that are seldom due.
func TestRareLinesAreFound(t *testing.T) {
	t.Parallel()
	if got := next(t, "0 0 29 2 *", "Europe/Berlin", "2096-03-01 00:00:00", 1)[0]; !strings.HasPrefix(got, "2104-02-29") {
		t.Errorf("29 February after 2096 = %s, want 2104: 2100 is no leap year", got)
	}
	if got := next(t, "0 0 */28 2 0", "America/New_York", "2073-03-01 00:00:00", 1)[0]; got == "never" {
		t.Error("29 February on a Sunday = never")
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{"0 2 * * *", "*/15 9-17 * * MON-FRI", "@weekly", "0 0 31 2 *", "0 0 29 2 1", "@every 1s", "* * ? * 5#2", "5-1 * * * *"} {
		f.Add(line, int64(1_770_000_000))
	}
	zone, err := time.LoadLocation("Australia/Lord_Howe")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string, unix int64) {
		l, err := cron.Parse(line)
		if err != nil {
			return
		}
		after := time.Unix(unix%(1<<33), 0)
		at := l.Next(after, zone)
		if !at.IsZero() && !at.After(after) {
			t.Errorf("%q: Next(%v) = %v, want later", line, after, at)
		}
	})
}
