package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

const (
	eventType = "text/event-stream"
	// heartbeat is the interval of heartbeats, which is shorter than the idle timeouts of
	// proxies.
	heartbeat = 15 * time.Second
	// writeSize is the size of a write. net/http's own buffers are small too.
	writeSize = 8 << 10
	// writeTimeout is how long a write may wait for a slow client.
	writeTimeout = 30 * time.Second
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

	out := newEventWriter(w)
	invocation, err := runwith.Invocation{}, out.lines(ctx, feed)
	if err == nil {
		invocation, err = s.invoker.Invocation(ctx, id)
	}
	switch {
	case out.gone:
		return
	case err != nil:
		out.event("error", s.problem(ctx, faulty("query", err)))
	default:
		out.event("end", invocation)
	}
	_ = out.flush() // nothing follows
}

// eventWriter writes server-sent events. flush returns the first error of a write.
type eventWriter struct {
	*bufio.Writer
	control *http.ResponseController
	gone    bool // a flush failed, because the client left
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	h := w.Header()
	h.Set("Content-Type", eventType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx passes each event on at once
	return &eventWriter{
		Writer:  bufio.NewWriterSize(newSlowWriter(w), writeSize),
		control: http.NewResponseController(w),
	}
}

// lines writes an event for each line of a feed, and heartbeats between them. It returns
// nil when it has written all, and otherwise why it could not.
func (e *eventWriter) lines(ctx context.Context, f *feed) error {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		line, ok, ended := f.take()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx) // which also ended the feed
		case ok:
			e.event("line", line)
			continue
		}
		// Flush before waiting: lines that have arrived go out together, and none is delayed.
		if err := e.flush(); err != nil {
			return err
		}
		if ended {
			return f.err
		}
		select {
		case <-ctx.Done():
		case <-f.more:
		case <-ticker.C:
			_, _ = e.WriteString(": heartbeat\n\n")
		}
	}
}

// event writes one event. Compact JSON has no line breaks, so it fits in one data line.
func (e *eventWriter) event(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic("marshal event: " + err.Error()) // cannot happen: v is a plain struct
	}
	_, _ = fmt.Fprintf(e, "event: %s\ndata: %s\n\n", name, data)
}

func (e *eventWriter) flush() error {
	err := e.Flush()
	if err == nil {
		err = e.control.Flush()
	}
	e.gone = err != nil
	return err
}

// slowWriter gives each write its own timeout, because a whole stream has none. net/http
// resets the deadline at the end of the request.
type slowWriter struct {
	w       io.Writer
	control *http.ResponseController
	started bool // something was written
}

func newSlowWriter(w http.ResponseWriter) *slowWriter {
	return &slowWriter{w: w, control: http.NewResponseController(w)}
}

func (s *slowWriter) Write(p []byte) (int, error) {
	s.started = true
	// It fails for the ResponseWriter of a test, which has no deadlines.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.w.Write(p)
}
