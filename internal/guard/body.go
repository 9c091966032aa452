package guard

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// IsGRPC reports whether r is a gRPC request. Handlers that choose between gRPC and REST
// must use it too: the Guard does not limit the bodies of gRPC requests to a route that
// takes them, so a request must not count as gRPC here and as REST there.
func IsGRPC(r *http.Request) bool {
	if r.ProtoMajor != 2 {
		return false
	}
	subtype, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc")
	// Not application/grpc-web, which browsers send.
	return ok && (subtype == "" || subtype[0] == '+' || subtype[0] == ';')
}

// Rule is how a guard treats the requests of a route. The zero value is how it treats others.
type Rule struct {
	// Linked routes are pages for people, to which pages of other origins may link.
	Linked bool
	// MaxBody is the largest body in bytes; 0 means that of the guard.
	MaxBody int64
	// Raw bodies may have any type, encoding and declared length: the handler checks them. It
	// must not act for a request of a type that is [Unasked] unless the request has something
	// else that no web page can send.
	Raw bool
	// GRPC routes also take calls of gRPC, whose bodies the guard does not limit: the handler
	// does. On other routes the type of a body means nothing.
	GRPC bool
}

// ruleOf returns the rule for the body of a request.
func (g *Guard) ruleOf(r *http.Request) (rule Rule) {
	if g.rule != nil {
		rule = g.rule(r)
	}
	rule.MaxBody = cmp.Or(rule.MaxBody, g.maxBody)
	return rule
}

// boundBody returns a copy of r whose body has limits of size and time. r has a body.
func (g *Guard) boundBody(w http.ResponseWriter, r *http.Request, limit int64) *http.Request {
	b := &body{
		ReadCloser: http.MaxBytesReader(w, r.Body, limit),
		guard:      g,
		conn:       http.NewResponseController(w),
		deadline:   time.Now().Add(g.bodyTimeout),
	}
	b.setDeadline()
	bounded := *r
	bounded.Body = b
	return &bounded
}

// checkBody returns r if its body is empty or of a type that no web page can send
// unasked, and its declared length is within the limit, and otherwise why not. A chunked
// body has no declared length and may be empty. A compressed body is expanded.
func checkBody(w http.ResponseWriter, r *http.Request, limit int64) (*http.Request, *runwith.Error) {
	refusal := checkType(r.Header)
	switch {
	case IsGRPC(r):
		return nil, noGRPC(r)
	case r.ContentLength > limit:
		return nil, bodyTooLarge(&http.MaxBytesError{Limit: limit})
	case refusal == nil:
		return expand(w, r, limit)
	case r.ContentLength > 0:
		return nil, refusal
	}
	switch _, err := io.ReadFull(r.Body, make([]byte, 1)); {
	case err == nil:
		return nil, refusal
	case err == io.EOF:
		empty := *r
		empty.Body, empty.ContentLength = http.NoBody, 0
		return &empty, nil
	default:
		return nil, bodyUnreadable(err)
	}
}

// body limits the time of a REST body and explains to its reader why it ended.
type body struct {
	io.ReadCloser
	guard    *Guard
	conn     *http.ResponseController
	deadline time.Time
	read     bool
}

// Read returns a [*runwith.Error] for a body that is too large or too slow, and other
// errors unchanged.
func (b *body) Read(p []byte) (int, error) {
	if !b.read {
		// Again, because routers (huma) change or remove the deadline before they read.
		b.setDeadline()
		b.read = true
	}
	n, err := b.ReadCloser.Read(p)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, bodyTooLarge(tooLarge)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, b.guard.bodyTooSlow(err)
	}
	return n, err
}

// setDeadline limits the reading of the body, not the response: net/http removes the
// deadline at the body's end. It must not be set later, nor without a body. Over HTTP/1,
// net/http then reads from the connection to notice that the client leaves, and would
// treat the deadline as that.
func (b *body) setDeadline() {
	// It fails if the connection is closed, which the next read reports, and for the
	// ResponseWriter of a test, which has no deadlines.
	_ = b.conn.SetReadDeadline(b.deadline)
}
