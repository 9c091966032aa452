package api

import (
	"context"
	"net/http"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventstream"
	"github.com/runwith/runwith/internal/invoker"
)

// streamEvents writes an invocation's output as server-sent events. The last event is
// either end, with the invocation, or error, with a problem.
// See https://html.spec.whatwg.org/multipage/server-sent-events.html.
func (s *server) streamEvents(ctx context.Context, w http.ResponseWriter, id string, q invoker.LogQuery) {
	ctx, cancel := s.untilStop(ctx)
	feed, wait := openFeed(ctx, s.invoker, id, q)
	defer func() {
		cancel()
		wait()
	}()

	out := eventWriter{eventstream.New(w)}
	invocation, err := runwith.Invocation{}, out.lines(ctx, feed)
	if err == nil {
		invocation, err = s.invoker.Invocation(ctx, id)
	}
	switch {
	case out.Gone():
		return
	case err != nil:
		out.Event("error", s.problem(ctx, faulty("query", err)))
	default:
		out.Event("end", invocation)
	}
	_ = out.Flush() // nothing follows
}

// eventWriter writes the events of a log.
type eventWriter struct{ *eventstream.Writer }

// lines writes an event for each line of a feed, and heartbeats between them. It returns
// nil when it has written all, and otherwise why it could not.
func (e eventWriter) lines(ctx context.Context, f *feed) error {
	ticker := time.NewTicker(eventstream.Heartbeat)
	defer ticker.Stop()
	for {
		line, ok, ended := f.take()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx) // which also ended the feed
		case ok:
			e.EventWithID(line.Position, "line", line)
			continue
		}
		// Flush before waiting: lines that have arrived go out together, and none is delayed.
		if err := e.Flush(); err != nil {
			return err
		}
		if ended {
			return f.err
		}
		select {
		case <-ctx.Done():
		case <-f.more:
		case <-ticker.C:
			e.Beat()
		}
	}
}
