package guard

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// IsGRPC reports whether r is a gRPC request. Whoever sends requests on to gRPC
// or REST should ask it, too: a request that is exempt from the body's limits
// here and read as REST there would have none.
func IsGRPC(r *http.Request) bool {
	if r.ProtoMajor != 2 {
		return false
	}
	subtype, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	// Not application/grpc-web, which is a browser's.
	return ok && (subtype == "" || subtype[0] == '+' || subtype[0] == ';')
}

// boundBody returns a copy of r, which has a body, whose body is bounded in size
// and time.
func (g *Guard) boundBody(w http.ResponseWriter, r *http.Request) *http.Request {
	b := &body{
		ReadCloser: http.MaxBytesReader(w, r.Body, g.maxBody),
		guard:      g,
		conn:       http.NewResponseController(w),
		deadline:   time.Now().Add(g.bodyTimeout),
	}
	b.setDeadline()
	bounded := *r
	bounded.Body = b
	return &bounded
}

// checkBody returns r with a body that is JSON or empty and not declared too
// large, or why it is none. The length of a chunked body is not known, so that
// it may be empty in spite of all.
func (g *Guard) checkBody(r *http.Request) (*http.Request, *runwith.Error) {
	switch {
	case r.ContentLength > g.maxBody:
		return nil, g.bodyTooLarge(&http.MaxBytesError{Limit: g.maxBody})
	case isJSON(r.Header):
		return r, nil
	case r.ContentLength > 0:
		return nil, wrongContentType(r.Header)
	}
	switch _, err := io.ReadFull(r.Body, make([]byte, 1)); {
	case err == nil:
		return nil, wrongContentType(r.Header)
	case err == io.EOF:
		empty := *r
		empty.Body, empty.ContentLength = http.NoBody, 0
		return &empty, nil
	default:
		return nil, bodyUnreadable(err)
	}
}

// isJSON reports whether the header has one content type, application/json with
// any parameters. A type that cannot be parsed is none: what it means could be
// told differently by a browser.
func isJSON(h http.Header) bool {
	values := h.Values("Content-Type")
	if len(values) != 1 {
		return false
	}
	mediaType, _, err := mime.ParseMediaType(values[0])
	return err == nil && mediaType == "application/json"
}

// body bounds a REST body in time, and tells its reader why it cannot go on.
type body struct {
	io.ReadCloser
	guard    *Guard
	conn     *http.ResponseController
	deadline time.Time
	read     bool
}

// Read returns a [*runwith.Error] for a body that is too large or too slow, and
// other errors as they are.
func (b *body) Read(p []byte) (int, error) {
	if !b.read {
		// Routers (huma) change or remove the deadline before they read.
		b.setDeadline()
		b.read = true
	}
	n, err := b.ReadCloser.Read(p)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, b.guard.bodyTooLarge(tooLarge)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, b.guard.bodyTooSlow(err)
	}
	return n, err
}

// setDeadline bounds the reading of the body, not the response: at the body's
// end net/http takes the deadline back. It must not be set after that, nor
// without a body: over HTTP/1 net/http is reading then, to notice when the client
// leaves, and would take the deadline for that.
func (b *body) setDeadline() {
	// It fails where the connection is closed, as the next read will tell, and
	// where a test's ResponseWriter has none.
	_ = b.conn.SetReadDeadline(b.deadline)
}
