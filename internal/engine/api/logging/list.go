package logging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/pagetoken"
)

// Sizes of a page of log entries.
// https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list
const (
	defaultEntries = 50
	maxEntries     = 1000
	// maxPage is the size in bytes at which a page ends early. gRPC clients accept
	// answers of 4 MiB, and one entry may have 256 KiB.
	maxPage = 1 << 20
)

// ListLogEntries returns a page of the entries of projects, across all executions.
//
// If finding entries takes too much reading, a page has few entries or none, and a token
// with which the caller continues.
func (s *Service) ListLogEntries(ctx context.Context, req *loggingpb.ListLogEntriesRequest) (*loggingpb.ListLogEntriesResponse, error) {
	l, err := s.newListing(ctx, req)
	if err != nil || l.none {
		return &loggingpb.ListLogEntriesResponse{}, err
	}
	select {
	case s.lists <- struct{}{}:
		defer func() { <-s.lists }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := l.begin(ctx, s.engine); err != nil {
		return nil, err
	}
	return l.read(ctx)
}

// listing makes one page.
type listing struct {
	selection
	size  int
	list  string    // identifies the list in its tokens
	begun time.Time // older lines are all there; zero if nothing depends on that
	merge *merge
}

func (s *Service) newListing(ctx context.Context, req *loggingpb.ListLogEntriesRequest) (l *listing, err error) {
	l = &listing{size: int(req.PageSize), merge: &merge{reverse: req.OrderBy == "timestamp desc"}}
	projects, err := s.projects("resource_names", req.ResourceNames)
	if err != nil {
		return nil, err
	}
	if l.selection, err = newSelection(ctx, projects, req.Filter); err != nil {
		return nil, err
	}
	switch {
	case l.size < 0 || l.size > maxEntries:
		return nil, runwith.Errorf(runwith.InvalidArgument, "page_size: is %d, must be 0 to %d", l.size, maxEntries)
	case req.OrderBy != "" && req.OrderBy != "timestamp asc" && !l.merge.reverse:
		return nil, runwith.Errorf(runwith.InvalidArgument, `order_by: is %.40q, must be "timestamp asc" or "timestamp desc"`, req.OrderBy)
	case l.size == 0:
		l.size = defaultEntries
	}
	l.list = fmt.Sprintf("entries %q %q %v", req.ResourceNames, req.Filter, l.merge.reverse)
	after := &l.merge.after
	return l, pagetoken.Read(req.PageToken, l.list, &after.Nanos, &after.ID, &after.Pos)
}

// begin finds the logs to read.
func (l *listing) begin(ctx context.Context, e *engine.Engine) error {
	m := l.merge
	m.deadline = time.Now().Add(maxTime)
	if l.query.Has(tasklog.System) {
		var err error
		if l.begun, err = e.SettleLogs(ctx); err != nil {
			return err
		}
	}
	logs := l.logs
	if began := time.Unix(0, m.after.Nanos); m.after != (place{}) {
		switch {
		case m.reverse && (logs.To.IsZero() || began.Before(logs.To)):
			logs.To = began
		case !m.reverse && began.After(logs.From):
			logs.From = began
		}
	}
	var err error
	if m.waiting, err = e.LogSources(ctx, logs); err != nil {
		return err
	}
	slices.SortFunc(m.waiting, func(a, b engine.LogSource) int { return m.compare(m.bound(a), m.bound(b)) })
	m.open = func(ctx context.Context, log engine.LogSource) (*source, error) {
		name, reader, err := e.OpenLog(ctx, log.ID, l.from(m.after, m.reverse))
		return &source{id: log.ID, reader: reader, maker: newMaker(name)}, err
	}
	return nil
}

// read reads the page.
func (l *listing) read(ctx context.Context) (*loggingpb.ListLogEntriesResponse, error) {
	res := &loggingpb.ListLogEntriesResponse{}
	bytes, skipped := 0, false
	for seen := l.merge.after; ; {
		next, err := l.merge.next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return res, nil
		case errors.Is(err, errPause) && !skipped:
			res.NextPageToken = l.token(l.merge.frontier())
			return res, nil
		case errors.Is(err, errPause):
			res.NextPageToken = l.token(seen)
			return res, nil
		case err != nil:
			return nil, err
		case len(res.Entries) == l.size || bytes >= maxPage:
			res.NextPageToken = l.token(seen)
			return res, nil
		}
		if l.unsettled(next.Time) {
			skipped = true
			continue
		}
		seen = next.at
		if e, ok := l.take(next); ok {
			bytes += proto.Size(e)
			res.Entries = append(res.Entries, e)
		}
		if time.Now().After(l.merge.deadline) {
			res.NextPageToken = l.token(seen)
			return res, nil
		}
	}
}

// pageTime is more than a page takes.
const pageTime = time.Minute

// unsettled reports whether a line was written while the page was made, so that an older
// line of the platform may still appear, which the next page would miss. A line of the
// far future is from a clock that was set back.
func (l *listing) unsettled(at time.Time) bool {
	return !l.begun.IsZero() && at.After(l.begun) && at.Before(l.begun.Add(pageTime))
}

func (l *listing) token(after place) string {
	return pagetoken.New(l.list, after.Nanos, after.ID, after.Pos)
}

// entry returns the line in the form of Cloud Logging.
func (l line) entry() *loggingpb.LogEntry { return l.source.maker.entry(l.Entry) }
