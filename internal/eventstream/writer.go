// Package eventstream writes server-sent events, and other answers that are sent piece by
// piece to clients which may be slow.
//
// See https://html.spec.whatwg.org/multipage/server-sent-events.html.
package eventstream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// MediaType is that of server-sent events.
	MediaType = "text/event-stream"
	// Heartbeat is the interval of heartbeats, which is shorter than the idle timeouts of
	// proxies.
	Heartbeat = 15 * time.Second
	// WriteSize is the size of a write. net/http's own buffers are small too.
	WriteSize = 8 << 10
	// writeTimeout is how long a write may wait for a slow client.
	writeTimeout = 30 * time.Second
)

// Writer writes server-sent events. Flush returns the first error of a write.
type Writer struct {
	buffer  *bufio.Writer
	control *http.ResponseController
	gone    bool
}

// New begins a stream of events.
func New(w http.ResponseWriter) *Writer {
	h := w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx passes each event on at once
	return &Writer{
		buffer:  bufio.NewWriterSize(NewSlowWriter(w), WriteSize),
		control: http.NewResponseController(w),
	}
}

// Event writes one event with v as JSON. Compact JSON has no line breaks, so it fits in one
// data line. v must be a plain struct or text.
func (w *Writer) Event(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic("marshal event: " + err.Error()) // cannot happen: v is plain
	}
	_, _ = fmt.Fprintf(w.buffer, "event: %s\ndata: %s\n\n", name, data)
}

// EventWithID writes one event with an ID, which clients send back to go on behind it. It must be
// one line.
func (w *Writer) EventWithID(id, name string, v any) {
	if id != "" {
		_, _ = fmt.Fprintf(w.buffer, "id: %s\n", id)
	}
	w.Event(name, v)
}

// Beat writes a heartbeat, which clients ignore.
func (w *Writer) Beat() { _, _ = w.buffer.WriteString(": heartbeat\n\n") }

// Flush sends what was written.
func (w *Writer) Flush() error {
	err := w.buffer.Flush()
	if err == nil {
		err = w.control.Flush()
	}
	w.gone = err != nil
	return err
}

// Gone reports whether the last Flush failed, because the client has left.
func (w *Writer) Gone() bool { return w.gone }

// SlowWriter gives each write its own timeout, because a whole stream has none. net/http
// resets the deadline at the end of the request.
type SlowWriter struct {
	w       io.Writer
	control *http.ResponseController
	started bool
}

// NewSlowWriter returns a writer in front of w.
func NewSlowWriter(w http.ResponseWriter) *SlowWriter {
	return &SlowWriter{w: w, control: http.NewResponseController(w)}
}

// Started reports whether something was written.
func (s *SlowWriter) Started() bool { return s.started }

// Write implements [io.Writer].
func (s *SlowWriter) Write(p []byte) (int, error) {
	s.started = true
	// It fails for the ResponseWriter of a test, which has no deadlines.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.w.Write(p)
}
