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

// Bodies share roomForBodies with what they have beyond smallBody. A decoded body takes several
// times its size.
const (
	smallBody     = 64 << 10
	roomForBodies = 32 << 20
)

// room bounds the memory of large bodies. Requests do not wait for it: the source tries again.
type room struct{ used atomic.Int64 }

// part is the room of one body. It grows as the body arrives, so a sender that sends nothing
// takes nothing from others.
type part struct {
	room  *room
	size  int64 // of the body as far as it has arrived
	taken int64
}

// grow takes the room for n more bytes.
func (p *part) grow(n int) error {
	p.size += int64(n)
	more := max(0, p.size-smallBody) - p.taken
	if p.room.used.Add(more) > roomForBodies {
		p.room.used.Add(-more)
		return &runwith.Error{
			Code: runwith.Unavailable, Err: errors.Join(errNoRoom, cause.RetryAfter(time.Second)),
			Message: "too many large events arrive at the same time: send it again",
		}
	}
	p.taken += more
	return nil
}

var errNoRoom = errors.New("there is no room for the body")

// release gives the room back. Further calls are no-ops.
func (p *part) release() {
	p.room.used.Add(-p.taken)
	p.taken = 0
}

// roomy reads a body as far as there is room for it.
type roomy struct {
	io.Reader
	part *part
}

func (r roomy) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if full := r.part.grow(n); full != nil {
		return 0, full
	}
	return n, err
}

// readBody returns the body of a request and its size. If the body is too large, it returns
// the size alone, and the error is permanent.
func readBody(w http.ResponseWriter, r *http.Request, t *trigger, room *part) ([]byte, int64, error) {
	largest := t.largest()
	content := io.Reader(r.Body)
	if !t.spec.Unwrapped { // a publisher may have chosen the header
		expanded, err := guard.Expand(w, r, largest)
		if err != nil {
			return nil, max(0, r.ContentLength), err
		}
		content = expanded.Body
	}
	body, err := io.ReadAll(io.LimitReader(roomy{content, room}, largest+1))
	if errors.Is(err, errNoRoom) {
		room.release()                     // others need it while this sender goes on
		_, _ = io.Copy(io.Discard, r.Body) // else some clients see no answer
		return nil, room.size, err
	}
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
