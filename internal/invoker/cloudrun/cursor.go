package cloudrun

import (
	"cmp"
	"hash/fnv"
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
	// maxSeen bounds how many entries a cursor remembers, which may all have the same time.
	maxSeen = 1 << 18
)

// Cursor is a place in an execution's log. The zero value is the beginning. A cursor is a
// value that no method changes.
type Cursor struct {
	task   string    // index of the only task; empty: all tasks
	stream string    // the only one, stdout or stderr; empty: both
	from   time.Time // the search begins here
	floor  LogPlace  // entries up to here are left out
	page   string    // token of the search's next page
	list   Pages     // of the search
	size   int       // entries in a page of the search; 0: as many as possible
	seen   []seenEntry
	last   *lastPage
}

// seenEntry identifies an entry. Cloud Logging treats two entries with the same time and
// insert ID as one. A hash stands for the ID, because every follower keeps hundreds.
type seenEntry struct {
	nanos int64
	id    uint64
}

func seenOf(e *loggingpb.LogEntry) seenEntry {
	id := fnv.New64a()
	_, _ = id.Write([]byte(e.GetInsertId()))
	return seenEntry{e.GetTimestamp().AsTime().UnixNano(), id.Sum64()}
}

// lastPage is the page that a cursor is behind.
type lastPage struct {
	before Cursor
	fresh  []seenEntry
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

// OfStream returns a cursor that only shows the lines of one stream, stdout or stderr. It has
// to be at the beginning.
func (c Cursor) OfStream(name string) Cursor {
	c.stream = name
	return c
}

// After returns a cursor that leaves out entries up to a place.
func (c Cursor) After(p LogPlace) Cursor {
	c.floor = p
	if at := p.time(); at.After(c.from) {
		c.from = at
	}
	return c
}

// More reports whether the cursor's search has further pages, so that the next read need
// not wait.
func (c Cursor) More() bool { return c.page != "" }

// Behind returns the cursor behind the first n lines of the last page. A caller that drops
// the other lines reads them again from there.
func (c Cursor) Behind(n int) Cursor {
	last := c.last
	c.last = nil
	if last == nil || n >= len(last.fresh) {
		return c
	}
	// A new search begins. It finds the rest of the page, and the entries that the cursor
	// looks back over.
	partial := last.before
	partial.seen = slices.Concat(partial.seen, last.fresh[:n])
	partial.restart()
	return partial
}

// restart begins a new search behind the entries that the cursor has seen.
func (c *Cursor) restart() {
	c.page, c.list = "", Pages{}
	c.forget()
}

// smaller returns a cursor that begins a new search with smaller pages. A page token belongs to
// one size.
func (c Cursor) smaller() Cursor {
	c.size, c.last = c.pageSize()/10, nil
	c.restart()
	return c
}

func (c Cursor) pageSize() int { return cmp.Or(c.size, logPage) }

// after returns the cursor behind one page of its search, and the entries of that page
// that it has not seen before.
func (c Cursor) after(page []*loggingpb.LogEntry, token string) (fresh []*loggingpb.LogEntry, next Cursor) {
	c.last = nil
	passed := make(map[seenEntry]bool, len(c.seen)+len(page))
	for _, s := range c.seen {
		passed[s] = true
	}
	next = c
	next.page, next.seen, next.last = token, slices.Clone(c.seen), &lastPage{before: c}
	if token == "" { // the search has ended
		next.list, next.size = Pages{}, 0
	}
	for _, entry := range page {
		s := seenOf(entry)
		if passed[s] || placeOf(entry).Compare(c.floor) <= 0 {
			continue
		}
		passed[s] = true
		next.last.fresh = append(next.last.fresh, s)
		fresh = append(fresh, entry)
	}
	next.seen = append(next.seen, next.last.fresh...)
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
	c.seen = slices.Clip(slices.DeleteFunc(c.seen, func(s seenEntry) bool { return s.nanos < from }))
}
