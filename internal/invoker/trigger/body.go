package trigger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker/configfile"
)

// BodyRule is how the guard treats the bodies of triggers: this package checks them.
var BodyRule = guard.Rule{MaxBody: configfile.MaxEvent, Raw: true}

// Bodies larger than smallBody share roomForBodies. A decoded body takes several times its
// size.
const (
	smallBody     = 64 << 10
	roomForBodies = 64 << 20
)

// room bounds the memory of large bodies. Requests do not wait for it: the source tries again.
type room struct{ used atomic.Int64 }

// take reserves room for a body. The function that it returns gives it back.
func (m *room) take(size int64) (release func(), err error) {
	if size <= smallBody {
		return func() {}, nil
	}
	if m.used.Add(size) > roomForBodies {
		m.used.Add(-size)
		return nil, &runwith.Error{
			Code: runwith.Unavailable, Err: cause.RetryAfter(time.Second),
			Message: "too many large events arrive at the same time: send it again",
		}
	}
	return func() { m.used.Add(-size) }, nil
}

// expected returns the room that the body of a request needs at most.
func expected(r *http.Request, largest int64) int64 {
	if r.ContentLength >= 0 && r.Header.Get("Content-Encoding") == "" {
		return min(r.ContentLength, largest)
	}
	return largest
}

// readBody returns the body of a request and its size. If the body is too large, it returns
// the size alone, and the error is permanent.
func readBody(w http.ResponseWriter, r *http.Request, t *trigger) ([]byte, int64, error) {
	largest := t.largest()
	content := io.Reader(r.Body)
	if !t.spec.Unwrapped { // a publisher may have chosen the header
		expanded, err := guard.Expand(w, r, largest)
		if err != nil {
			return nil, max(0, r.ContentLength), err
		}
		content = expanded.Body
	}
	body, err := io.ReadAll(io.LimitReader(content, largest+1))
	if int64(len(body)) > largest || cause.KindOf(err) == cause.BodyTooLarge {
		rest, _ := io.Copy(io.Discard, r.Body) // else some clients see no answer
		return nil, max(r.ContentLength, int64(len(body))+rest), &runwith.Error{
			Code: runwith.InvalidArgument, Err: cause.BodyTooLarge,
			Message: fmt.Sprintf("the event is larger than %d bytes: raise maxBody (triggers.%s.maxBody), or let the source send less", largest, t.name),
		}
	}
	if err != nil {
		return nil, int64(len(body)), unreadable(err)
	}
	return body, int64(len(body)), nil
}

// unreadable returns the error for a body that did not arrive. It is transient.
func unreadable(err error) error {
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		return e
	}
	return &runwith.Error{Code: runwith.Unavailable, Err: err, Message: "the request's body ended too early: send it again"}
}
