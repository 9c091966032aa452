package cron

import "time"

// Wall times are Go times in UTC with the clock of the zone: the wall time 02:30 in Berlin is
// 02:30 UTC. So they have no gaps and no repetitions.

// horizon bounds the search for a day, in years. A 29 February on a given weekday comes after
// 40 years at the latest.
const horizon = 41

// first returns the first day of a month.
func first(year int, month time.Month) time.Time {
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}

// matches reports whether the line is due on a day.
func (l Line) matches(day time.Time) bool {
	inMonth, inWeek := l.days.has(day.Day()), l.weekdays.has(int(day.Weekday()))
	return l.months.has(int(day.Month())) && (inMonth && inWeek || l.either && (inMonth || inWeek))
}

// nextDay returns the first matching day that is not before a day; zero if there is none.
func (l Line) nextDay(day time.Time) time.Time {
	for last := day.Year() + horizon; day.Year() <= last; {
		next := l.step(day)
		if next.Equal(day) {
			return day
		}
		day = next
	}
	return time.Time{}
}

// step returns a day if it matches, or else a later one: no day between them matches.
func (l Line) step(day time.Time) time.Time {
	switch month := l.months.next(int(day.Month())); {
	case month < 0:
		return first(day.Year()+1, time.January)
	case month != int(day.Month()):
		return first(day.Year(), time.Month(month))
	case l.matches(day):
		return day
	}
	return day.AddDate(0, 0, 1)
}

// nextWall returns the first matching wall time that is not before another one; zero if there
// is none.
func (l Line) nextWall(from time.Time) time.Time {
	if up := from.Truncate(time.Minute); !up.Equal(from) {
		from = up.Add(time.Minute)
	}
	today := from.Truncate(24 * time.Hour)
	if l.matches(today) {
		if at := l.nextClock(from.Hour(), from.Minute()); at >= 0 {
			return today.Add(at)
		}
	}
	day := l.nextDay(today.AddDate(0, 0, 1))
	if day.IsZero() {
		return day
	}
	return day.Add(l.nextClock(0, 0))
}

// nextClock returns the first matching time of a day that is not before a time, or -1.
func (l Line) nextClock(hour, minute int) time.Duration {
	if l.hours.has(hour) {
		if m := l.minutes.next(minute); m >= 0 {
			return time.Duration(hour)*time.Hour + time.Duration(m)*time.Minute
		}
	}
	h := l.hours.next(hour + 1)
	if h < 0 {
		return -1
	}
	return time.Duration(h)*time.Hour + time.Duration(l.minutes.next(0))*time.Minute
}

// period is a time in which a zone does not change its offset.
type period struct {
	start, end   time.Time // zero: no bound
	offset       time.Duration
	offsetBefore time.Duration // of the period before
}

// periodAt returns the period of a time in its zone.
func periodAt(t time.Time) period {
	p := period{offset: offsetAt(t), offsetBefore: offsetAt(t)}
	if p.start, p.end = t.ZoneBounds(); !p.start.IsZero() {
		p.offsetBefore = offsetAt(p.start.Add(-1))
	}
	if !p.end.IsZero() && !p.end.After(t) {
		// ZoneBounds ends a leap year of a rule for the future a day too early, and on that day
		// in the past. Nothing changes then.
		p.end = t.Add(24 * time.Hour)
	}
	return p
}

func offsetAt(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}

// wall returns the wall time of an instant under an offset, and instant is the opposite.
func wall(t time.Time, offset time.Duration) time.Time { return t.UTC().Add(offset) }

func instant(wall time.Time, offset time.Duration) time.Time { return wall.Add(-offset) }

// Next returns the first time after another one at which the line is due in a zone, in UTC;
// zero if there is none.
func (l Line) Next(after time.Time, zone *time.Location) time.Time {
	from := after.UTC().Truncate(time.Second).Add(time.Second)
	last := from.AddDate(horizon, 0, 0)
	for p := periodAt(from.In(zone)); ; p = periodAt(p.end.In(zone)) {
		if at, ok := l.within(p, later(from, p.start)); ok {
			return at
		}
		if p.end.IsZero() || p.end.After(last) {
			return time.Time{}
		}
		if l.makesUp(p, offsetAt(p.end.In(zone))) {
			return p.end.UTC()
		}
	}
}

// within returns the first time in a period that is not before another one.
func (l Line) within(p period, from time.Time) (time.Time, bool) {
	begin := wall(from, p.offset)
	if !l.repeats && !p.start.IsZero() { // times of the period before do not count again
		begin = later(begin, wall(p.start, p.offsetBefore))
	}
	next := l.nextWall(begin)
	if next.IsZero() {
		return next, false
	}
	at := instant(next, p.offset)
	return at, p.end.IsZero() || at.Before(p.end)
}

// makesUp reports whether the gap behind a period skips a wall time that is due.
func (l Line) makesUp(p period, offsetAfter time.Duration) bool {
	if l.hourly || offsetAfter <= p.offset {
		return false
	}
	skipped := l.nextWall(wall(p.end, p.offset))
	return !skipped.IsZero() && skipped.Before(wall(p.end, offsetAfter))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
