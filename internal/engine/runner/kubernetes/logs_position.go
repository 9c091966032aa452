package kubernetes

import (
	"maps"
	"slices"
	"time"
)

// mark recognizes a line of a log: by its timestamp, in nanoseconds since 1970, and a
// checksum of its text.
type mark struct {
	at  int64
	sum uint64
}

// position is a place in a log, between two lines. A log is read again from a moment
// before that place, and the position is found in what comes.
type position struct {
	lines int   // how many lines of the attempt's output are before it, as runner.Extent counts
	bytes int64 // how much of the log is before it
	first int64 // timestamp of the log's first line; 0 if none has come
	last  mark  // the line before the position
	nth   int   // how many lines with that mark there are up to it; 0 if there is no line
	ahead int64 // latest timestamp up to it
}

const (
	// interleave is how far the timestamps of a log may be out of order. The node takes
	// the time of a line before it writes the line, for stdout and stderr at once.
	interleave = 2 * time.Second
	// readWhole is how much of a log is read again from its beginning. A log that is
	// longer is read from the last line on, which relies on the node's clock.
	readWhole = 1 << 20
)

// since returns the time from which the log must be read again to find the position. The
// zero time is the beginning.
func (p *position) since() time.Time {
	if p.nth == 0 || p.bytes < readWhole {
		return time.Time{}
	}
	return time.Unix(0, p.last.at).Add(-interleave).Truncate(time.Second)
}

// pass moves the position past the next line.
func (p *position) pass(m mark, same *sameTime) {
	p.nth = same.count(m)
	p.last = m
	// A clock that was set back must not hold the latest time for ever.
	if m.at > p.ahead || p.ahead-m.at > int64(interleave) {
		p.ahead = m.at
	}
}

// sameTime counts the lines that have the same mark. Some container runtimes give all
// lines that they read at once the same timestamp, and the two streams take turns.
type sameTime struct {
	counts map[mark]int
	times  []int64 // the last timestamps, oldest first; older ones do not come again
}

// recentTimes is how many timestamps a sameTime has at most.
const recentTimes = 16

// sameTime returns the counts at a position.
func (p *position) sameTime() sameTime {
	if p.nth == 0 {
		return sameTime{}
	}
	return sameTime{map[mark]int{p.last: p.nth}, []int64{p.last.at}}
}

// count adds a line, and returns how many lines with its mark there are, itself included.
func (s *sameTime) count(m mark) int {
	if !slices.Contains(s.times, m.at) {
		if len(s.times) == recentTimes {
			maps.DeleteFunc(s.counts, func(old mark, _ int) bool { return old.at == s.times[0] })
			s.times = slices.Delete(s.times, 0, 1)
		}
		s.times = append(s.times, m.at)
	}
	if s.counts == nil {
		s.counts = map[mark]int{}
	}
	s.counts[m]++
	return s.counts[m]
}
