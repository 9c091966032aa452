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
		buffer:  bufio.NewWriterSize(w, WriteSize),
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

// StartWriter knows whether something was written. The guard limits the time of each write.
type StartWriter struct {
	w       io.Writer
	started bool
}

// NewStartWriter returns a writer in front of w.
func NewStartWriter(w io.Writer) *StartWriter { return &StartWriter{w: w} }

// Started reports whether something was written.
func (s *StartWriter) Started() bool { return s.started }

// Write implements [io.Writer].
func (s *StartWriter) Write(p []byte) (int, error) {
	s.started = true
	return s.w.Write(p)
}
