package cloudrun

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
)

// Entries are stored a little out of order, because tasks print at the same time and some
// lines take longer to arrive. So a cursor looks back over the last entries that it has
// seen, and skips those by their IDs.
const (
	lookBack        = 10 * time.Second
	lookBackEntries = 500 // half a page, so that looking back costs no request
)

// Cursor is a place in an execution's log. The zero value is the beginning. A cursor is a
// value that no method changes.
type Cursor struct {
	task string    // index of the only task; empty: all tasks
	from time.Time // the search begins here
	page string    // token of the search's next page
	seen []seenEntry
}

// seenEntry identifies an entry. Cloud Logging treats two entries with the same time and
// insert ID as one.
type seenEntry struct {
	nanos int64
	id    string
}

// LogSince returns a cursor that begins at t. The less Cloud Logging has to search, the
// faster it answers.
func LogSince(t time.Time) Cursor { return Cursor{from: t} }

// OfTask returns a cursor that only shows the lines of the task with the given index. It
// has to be at the beginning.
func (c Cursor) OfTask(index int) Cursor {
	c.task = strconv.Itoa(index)
	return c
}

// More reports whether the cursor's search has further pages, so that the next read need
// not wait.
func (c Cursor) More() bool { return c.page != "" }

// after returns the cursor behind one page of its search, and the entries of that page
// that it has not seen before.
func (c Cursor) after(page []*loggingpb.LogEntry, token string) (fresh []*loggingpb.LogEntry, next Cursor) {
	passed := make(map[seenEntry]bool, len(c.seen)+len(page))
	for _, s := range c.seen {
		passed[s] = true
	}
	next = Cursor{task: c.task, from: c.from, page: token, seen: slices.Clone(c.seen)}
	for _, entry := range page {
		s := seenEntry{nanos: entry.GetTimestamp().AsTime().UnixNano(), id: entry.GetInsertId()}
		if passed[s] {
			continue
		}
		passed[s] = true
		next.seen = append(next.seen, s)
		fresh = append(fresh, entry)
	}
	next.forget()
	return fresh, next
}

// forget drops the entries that lie too far back, except those with the very same time,
// and makes the next search begin behind them. While this search has more pages, its
// beginning stays, because their token is valid for that search only. The dropped entries
// are on none of those pages, because pages go on in the order of time.
func (c *Cursor) forget() {
	if len(c.seen) == 0 {
		return
	}
	slices.SortStableFunc(c.seen, func(a, b seenEntry) int { return cmp.Compare(a.nanos, b.nanos) })
	last := c.seen[len(c.seen)-1].nanos
	oldest := c.seen[max(0, len(c.seen)-lookBackEntries)].nanos
	from := max(oldest, last-int64(lookBack))
	if begin := time.Unix(0, from).UTC(); !c.More() && begin.After(c.from) {
		c.from = begin
	}
	c.seen = slices.DeleteFunc(c.seen, func(s seenEntry) bool { return s.nanos < from })
}
