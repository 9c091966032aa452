package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/runwith/runwith"
)

const (
	eventType = "text/event-stream"
	// heartbeat is how often a stream says that it is alive, which is shorter
	// than what proxies take for idle.
	heartbeat = 15 * time.Second
	// writeTimeout is how long a client may take nothing of a stream.
	writeTimeout = 30 * time.Second
)

// logItem is what a log's iterator yields.
type logItem struct {
	line runwith.LogLine
	err  error
}

// streamEvents writes an invocation's output as server-sent events, and last
// either end with the invocation or error with a problem.
// See https://html.spec.whatwg.org/multipage/server-sent-events.html.
func (s *server) streamEvents(ctx context.Context, w http.ResponseWriter, id string, follow bool) {
	ctx, cancel := s.untilStop(ctx)
	items := make(chan logItem, 64)
	var pump sync.WaitGroup
	pump.Go(func() {
		defer close(items)
		send(ctx, items, s.invoker.Logs(ctx, id, follow))
	})
	defer func() {
		cancel()
		pump.Wait()
	}()

	out := newEventWriter(w)
	invocation, err := runwith.Invocation{}, out.lines(ctx, items)
	if err == nil {
		invocation, err = s.invoker.Invocation(ctx, id)
	}
	switch {
	case out.gone:
		return
	case err != nil:
		out.event("error", s.problem(ctx, err))
	default:
		out.event("end", invocation)
	}
	_ = out.flush() // it is the end either way
}

// send hands on what the iterator yields until ctx ends.
func send(ctx context.Context, items chan<- logItem, lines iter.Seq2[runwith.LogLine, error]) {
	for line, err := range lines {
		select {
		case items <- logItem{line, err}:
		case <-ctx.Done():
			return
		}
	}
}

// eventWriter writes server-sent events. It keeps the first error of a write,
// which flush returns.
type eventWriter struct {
	*bufio.Writer
	control *http.ResponseController
	gone    bool // a flush failed: nobody reads any more
}

func newEventWriter(w http.ResponseWriter) *eventWriter {
	h := w.Header()
	h.Set("Content-Type", eventType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx passes each event on at once
	return &eventWriter{
		Writer:  bufio.NewWriterSize(newSlowWriter(w), 32<<10),
		control: http.NewResponseController(w),
	}
}

// lines writes an event for each item, and heartbeats between them. It returns
// nil when all are written, and otherwise why that cannot be.
func (e *eventWriter) lines(ctx context.Context, items <-chan logItem) error {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		// What is ready is sent as one; nothing written waits for a line to come.
		if len(items) == 0 {
			if err := e.flush(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			_, _ = e.WriteString(": heartbeat\n\n")
		case item, ok := <-items:
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx) // the iterator ended for the same reason
			case !ok:
				return nil
			case item.err != nil:
				return item.err
			}
			e.event("line", item.line)
		}
	}
}

// event writes one event. JSON has no line breaks, so one data line holds it.
func (e *eventWriter) event(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic("marshal event: " + err.Error()) // plain structs of our own
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

// slowWriter gives each write a time of its own, since streams as a whole have
// none. net/http takes the deadline back when the request has ended.
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
	// It fails where a test's ResponseWriter has no deadlines.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.w.Write(p)
}
