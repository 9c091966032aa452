package server

import (
	"net/http"
	"time"
)

const (
	// writeTimeout is how long a client may read nothing of an answer that waits for it.
	writeTimeout = 30 * time.Second
	// writeSize is the most that a client must read within that time, in bytes.
	writeSize = 64 << 10
)

// boundWrites returns a handler whose answers are broken off if the client does not read them.
// Otherwise a client could hold any number of answers in memory, and connections, for ever.
func boundWrites(h http.Handler, timeout time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bounded := &boundWriter{w, http.NewResponseController(w), timeout}
		// net/http writes the rest, maybe after the rest of the body, for which the guard waits
		// as long.
		defer bounded.begin(2 * timeout)
		h.ServeHTTP(bounded, r)
	})
}

// boundWriter limits the time of each write. Between writes there is no limit: a stream may be
// silent.
type boundWriter struct {
	http.ResponseWriter
	conn    *http.ResponseController
	timeout time.Duration
}

// begin limits the time of a write, and end removes the limit. They fail for the ResponseWriter
// of a test, which has no deadlines.
func (w *boundWriter) begin(limit time.Duration) { _ = w.conn.SetWriteDeadline(time.Now().Add(limit)) }
func (w *boundWriter) end()                      { _ = w.conn.SetWriteDeadline(time.Time{}) }

// Write implements [http.ResponseWriter].
func (w *boundWriter) Write(p []byte) (written int, err error) {
	defer w.end()
	for first := true; first || len(p) > 0; first = false {
		w.begin(w.timeout)
		n, err := w.ResponseWriter.Write(p[:min(len(p), writeSize)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// FlushError implements the method of [http.ResponseController].
func (w *boundWriter) FlushError() error {
	w.begin(w.timeout)
	defer w.end()
	return w.conn.Flush()
}

// Flush implements [http.Flusher], which gRPC's server needs.
func (w *boundWriter) Flush() { _ = w.FlushError() }

// Unwrap lets an [http.ResponseController] find the connection.
func (w *boundWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
