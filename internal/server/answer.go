package server

import "net/http"

// answer is a response that knows whether it has begun.
type answer struct {
	http.ResponseWriter
	status int // 0: it has not
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // others are informational
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer if it has not begun.
func (a *answer) Write(p []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(p)
}

// Flush implements [http.Flusher], which gRPC's server needs.
func (a *answer) Flush() {
	a.begin()
	_ = http.NewResponseController(a.ResponseWriter).Flush() // net/http's own always can
}

func (a *answer) begin() {
	if a.status == 0 {
		a.status = http.StatusOK
	}
}

// Unwrap lets an [http.ResponseController] find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
