package guard

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

// answer limits the time of each write, so that a client who does not read cannot hold an answer
// in memory, and its connection, for ever. Between writes there is no limit: a stream may be
// silent.
type answer struct {
	http.ResponseWriter
	conn *http.ResponseController
}

func newAnswer(w http.ResponseWriter) *answer { return &answer{w, http.NewResponseController(w)} }

// begin limits the time of a write, and end removes the limit. They fail for the ResponseWriter
// of a test, which has no deadlines.
func (a *answer) begin(limit time.Duration) { _ = a.conn.SetWriteDeadline(time.Now().Add(limit)) }
func (a *answer) end()                      { _ = a.conn.SetWriteDeadline(time.Time{}) }

// finish limits the time in which net/http writes the rest of the answer. Before that, net/http
// may read the rest of the request's body, for as long as the argument.
func (a *answer) finish(body time.Duration) { a.begin(body + writeTimeout) }

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (written int, err error) {
	defer a.end()
	for first := true; first || len(p) > 0; first = false {
		a.begin(writeTimeout)
		n, err := a.ResponseWriter.Write(p[:min(len(p), writeSize)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// FlushError implements the method of [http.ResponseController].
func (a *answer) FlushError() error {
	a.begin(writeTimeout)
	defer a.end()
	return a.conn.Flush()
}

// Flush implements [http.Flusher], which gRPC's server needs.
func (a *answer) Flush() { _ = a.FlushError() }

// Unwrap lets an [http.ResponseController] find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
