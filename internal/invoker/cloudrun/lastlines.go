package cloudrun

import (
	"context"
	"slices"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxLastLines is how many bytes of last lines are kept, with their names and times. A request for more gets fewer lines.
const maxLastLines = 4 << 20

// LastLines collects the last lines of a log, from the end. Only one goroutine may use it.
type LastLines struct {
	cursor  Cursor
	before  LogPlace // zero: the end of the log
	most    int
	token   string
	list    Pages
	bytes   int
	entries []*loggingpb.LogEntry // newest first
}

// Last returns what collects up to n lines behind the cursor, which has to be at the beginning.
// before, unless it is zero, is the place that they are in front of.
func (c Cursor) Last(n int, before LogPlace) *LastLines {
	return &LastLines{cursor: c, before: before, most: n}
}

// LastLines reads one page of the last lines of an execution, and reports whether another one has
// to be read.
func (c *Client) LastLines(ctx context.Context, execution string, l *LastLines) (more bool, err error) {
	name, err := jobspec.ParseExecution(execution)
	if err != nil {
		return false, err
	}
	entries, token, err := c.listEntries(ctx, &loggingpb.ListLogEntriesRequest{
		ResourceNames: []string{"projects/" + name.Job.Project},
		Filter:        logFilter(name, l.cursor) + l.until(),
		OrderBy:       "timestamp desc",
		PageSize:      int32(min(l.most, logPage)),
		PageToken:     l.token,
	})
	for _, e := range entries {
		l.add(e)
	}
	if err == nil {
		l.token, err = token, l.list.Next(token)
	}
	if l.full() { // also if the rest of the page is too large
		return false, nil
	}
	return token != "" && err == nil, err
}

// until is the part of the filter for lines before a place.
func (l *LastLines) until() string {
	if l.before == (LogPlace{}) {
		return ""
	}
	return ` AND timestamp<="` + rfc3339(l.before.time()) + `"`
}

func (l *LastLines) add(e *loggingpb.LogEntry) {
	if l.full() || l.before != (LogPlace{}) && placeOf(e).Compare(l.before) >= 0 {
		return
	}
	l.entries = append(l.entries, e)
	l.bytes += proto.Size(e)
}

func (l *LastLines) full() bool { return len(l.entries) >= l.most || l.bytes >= maxLastLines }

// Lines returns the lines in the order of time, and the cursor behind them. It still finds
// lines that reach Cloud Logging late, unless they belong before these.
func (l *LastLines) Lines() ([]runwith.LogLine, Cursor) {
	slices.SortFunc(l.entries, func(a, b *loggingpb.LogEntry) int { return placeOf(a).Compare(placeOf(b)) })
	next := l.cursor
	lines := make([]runwith.LogLine, 0, len(l.entries))
	for _, e := range l.entries {
		lines = append(lines, logLine(e))
		next.seen = append(next.seen, seenOf(e))
	}
	if len(l.entries) > 0 {
		next = next.After(placeOf(l.entries[0]))
	}
	next.forget()
	return lines, next
}
