package cron_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/invoker/schedule/cron"
	"github.com/runwith/runwith/internal/testneed"
)

// pattern is a cron line whose fields are lists of numbers, for the oracle.
type pattern struct {
	line                                  string
	minutes, hours, days, months, weekday []int
	hourly, repeats                       bool
}

func numbers(text string) (list []int) {
	if text == "*" {
		return nil // any
	}
	for part := range strings.SplitSeq(text, ",") {
		n, _ := strconv.Atoi(part)
		list = append(list, n)
	}
	return list
}

// patterns are lines without ranges and steps, and the same in another spelling.
func patterns() (all []pattern) {
	for _, p := range []struct {
		line, spelled   string
		hourly, repeats bool
	}{
		{"30 2 * * *", "30 2 * * *", false, false},
		{"0 0 * * *", "@daily", false, false},
		{"15 1 * * *", "15 1 * * *", false, false},
		{"5 3 * * *", "5 3 * * *", false, false},
		{"0 * * * *", "@hourly", true, true},
		{"45 * * * *", "45 * * * *", true, true},
		{"0,10,20,30,40,50 * * * *", "*/10 * * * *", true, true},
		{"0,15,30,45 0,1,2,3 * * *", "*/15 0-3 * * *", false, true},
		{"0,30 0,1,2,3 * * *", "0,30 0-3 * * *", false, false},
		{"0 0,2,4,6,8,10,12,14,16,18,20,22 * * *", "0 */2 * * *", false, false},
		{"30 0,1,2 * * 0", "30 0-2 * * SUN", false, false},
		{"40 23 1,15,31 * *", "40 23 1,15,31 * *", false, false},
		{"0 0 1 1 *", "@yearly", false, false},
	} {
		f := strings.Fields(p.line)
		all = append(all, pattern{p.spelled, numbers(f[0]), numbers(f[1]), numbers(f[2]), numbers(f[3]), numbers(f[4]), p.hourly, p.repeats})
	}
	return all
}

func in(list []int, n int) bool { return list == nil || slices.Contains(list, n) }

func (p pattern) matches(wall time.Time) bool {
	return in(p.minutes, wall.Minute()) && in(p.hours, wall.Hour()) && in(p.months, int(wall.Month())) &&
		in(p.days, wall.Day()) && in(p.weekday, int(wall.Weekday()))
}

// clock returns what a clock on the wall shows, as a time in UTC.
func clock(t time.Time, zone *time.Location) time.Time {
	l := t.In(zone)
	year, month, day := l.Date()
	return time.Date(year, month, day, l.Hour(), l.Minute(), 0, 0, time.UTC)
}

// walk visits every minute of some days, and returns when each pattern is due. It knows nothing
// of offsets: it compares the clock on the wall with the one a minute ago, and with the latest
// one so far.
func walk(zone *time.Location, from, to time.Time, all []pattern) [][]time.Time {
	due := make([][]time.Time, len(all))
	before := clock(from.Add(-time.Minute), zone)
	latest := before
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		wall := clock(t, zone)
		again := !wall.After(latest)
		for i, p := range all {
			on := p.matches(wall) && (!again || p.repeats)
			for skipped := before.Add(time.Minute); !on && !p.hourly && skipped.Before(wall); skipped = skipped.Add(time.Minute) {
				on = p.matches(skipped)
			}
			if on {
				due[i] = append(due[i], t)
			}
		}
		before = wall
		if wall.After(latest) {
			latest = wall
		}
	}
	return due
}

// changes returns the hours in which the clocks of a zone change, within twenty years.
func changes(zone *time.Location) (hours []time.Time) {
	from := time.Date(2007, 1, 1, 0, 0, 0, 0, time.UTC)
	for t := from; t.Before(from.AddDate(20, 0, 0)); t = t.Add(time.Hour) {
		if clock(t.Add(time.Hour), zone).Sub(clock(t, zone)) != time.Hour {
			hours = append(hours, t)
		}
	}
	return hours
}

// TestNextAgainstAWalk compares Next with a walk over the days around every change of twenty
// years, in zones with every kind of change: of an hour, half an hour and two hours; at
// midnight, and a minute later; during Ramadan; of the standard time; and of the date.
func TestNextAgainstAWalk(t *testing.T) {
	t.Parallel()
	all := patterns()
	lines := make([]cron.Line, len(all))
	for i, p := range all {
		lines[i] = parse(t, p.line)
	}
	for name, least := range map[string]int{
		"UTC": 0, "Europe/Berlin": 40, "Europe/Dublin": 40, "America/New_York": 40, "America/Sao_Paulo": 24, "America/St_Johns": 40,
		"America/Havana": 39, "Africa/Cairo": 10, "Africa/Casablanca": 39, "Asia/Kathmandu": 0, "Asia/Tehran": 30, "Asia/Gaza": 40,
		"Asia/Pyongyang": 2, "Australia/Lord_Howe": 40, "Pacific/Chatham": 40, "Pacific/Apia": 20, "Pacific/Norfolk": 15,
		"Antarctica/Troll": 40, "America/Caracas": 2, "Europe/Volgograd": 5,
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		hours := changes(zone)
		if len(hours) < least {
			t.Errorf("%s: %d changes, want %d or more", name, len(hours), least)
		}
		for _, at := range append(hours, time.Date(2024, 2, 28, 12, 0, 0, 0, time.UTC)) {
			from, to := at.Add(-36*time.Hour), at.Add(50*time.Hour)
			for i, want := range walk(zone, from, to, all) {
				if diff := cmp.Diff(want, between(lines[i], zone, from, to)); diff != "" {
					t.Errorf("%s in %s (-walk +Next):\n%.2000s", all[i].line, name, diff)
				}
			}
		}
	}
}

// TestNextOverTwentyYears walks over every minute in one zone.
func TestNextOverTwentyYears(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	all := patterns()[:5]
	from := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(20, 0, 0)
	for i, want := range walk(zone, from, to, all) {
		if diff := cmp.Diff(want, between(parse(t, all[i].line), zone, from, to)); diff != "" {
			t.Errorf("%s (-walk +Next):\n%.2000s", all[i].line, diff)
		}
	}
}

// between returns when a line is due, from one time to another.
func between(l cron.Line, zone *time.Location, from, to time.Time) (due []time.Time) {
	for at := l.Next(from.Add(-1), zone); !at.IsZero() && at.Before(to); at = l.Next(at, zone) {
		due = append(due, at)
	}
	return due
}

func parse(t *testing.T, line string) cron.Line {
	t.Helper()
	l, err := cron.Parse(line)
	if err != nil {
		t.Fatalf("Parse(%q) = %v", line, err)
	}
	return l
}
