// Package lograte bounds the lines that requests from outside write into a log. Without a bound,
// they could fill the disk.
package lograte

import (
	"sync"
	"time"
)

// At first there is room for burst lines, and for one more after each pause.
const (
	burst = 10
	pause = 10 * time.Second
)

// Limit is the room that a log has for lines of one kind. The zero value has room for the first
// ten. Its methods may be called concurrently.
type Limit struct {
	mu       sync.Mutex
	room     int
	filled   time.Time
	unlogged int
}

// Take reports whether there is room for one more line, and returns the line's attributes: attrs,
// and "unlogged", the number of lines that were left out before, if there were any.
func (l *Limit) Take(now time.Time, attrs ...any) (_ []any, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.filled.IsZero() {
		l.room, l.filled = burst, now
	}
	if more := int(now.Sub(l.filled) / pause); more > 0 {
		l.room, l.filled = min(burst, l.room+more), now
	}
	if l.room == 0 {
		l.unlogged++
		return nil, false
	}
	l.room--
	if l.unlogged > 0 {
		attrs = append(attrs, "unlogged", l.unlogged)
	}
	l.unlogged = 0
	return attrs, true
}
