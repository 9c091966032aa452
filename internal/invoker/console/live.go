package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventstream"
)

const (
	// refresh is how often a live page looks whether its content has changed.
	refresh = time.Second
	// recheck is how often it looks whether the visitor is still the same caller.
	recheck = 5 * time.Second
)

// wantsStream reports whether a request asks for the content of a live page as it changes.
func (c *call) wantsStream() bool {
	return c.Method == http.MethodGet && strings.HasPrefix(c.Header.Get("Accept"), eventstream.MediaType)
}

// stream sends the content of a page whenever it has changed. Its events are page, with the
// content; beat, a heartbeat, because scripts do not see comments; reload, after which the browser
// asks for the whole page again: the page is not live any more, or the visitor is somebody else by
// now; and full, after which it tries again later.
func (s *server) stream(c *call, v view) {
	ctx, cancel := context.WithCancelCause(c.Context())
	defer cancel(nil)
	free := s.seats.take(c.who, cancel)
	if free == nil {
		c.w.Header().Set("Connection", "close") // or the visitor's connection would stay
		c.tell("full", fullText)
		return
	}
	defer free()
	defer context.AfterFunc(s.Context, func() { cancel(nil) })()
	c.Request = c.WithContext(ctx)
	l := newLive(c)
	l.run(v)
	if errors.Is(context.Cause(ctx), errSeatTaken) {
		l.out.Event("full", fullText)
	}
	_ = l.out.Flush() // nothing follows
}

// fullText is the reason why a page is not live, or not any more.
const fullText = "Too many pages are open at this server, so this one shows what it was. It goes on when another one is closed."

// askAgain answers the stream of a visitor whom the server does not know any more, such as one
// whose session has ended while the page was hidden. The page asks again, and gets the sign-in.
func (c *call) askAgain() { c.tell("reload", "") }

// tell answers a stream with one event. A script sees nothing of an answer with an error.
func (c *call) tell(event, text string) {
	out := eventstream.New(c.w)
	out.Event(event, text)
	_ = out.Flush() // the visitor may have left
}

// live is the stream of one page.
type live struct {
	*call
	out     *eventstream.Writer
	sent    [sha256.Size]byte // hash of the content that the browser has
	checked time.Time
}

func newLive(c *call) *live { return &live{call: c, out: eventstream.New(c.w), checked: time.Now()} }

// run sends until the visitor leaves.
func (l *live) run(v view) {
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	beat := time.Now()
	for l.send(v) {
		if time.Since(beat) >= eventstream.Heartbeat {
			l.out.Event("beat", "")
			beat = time.Now()
		}
		if l.out.Flush() != nil {
			return
		}
		select {
		case <-tick.C:
		case <-l.Context().Done():
			return
		}
	}
}

// send writes the content if it has changed, and reports whether the stream goes on.
func (l *live) send(v view) bool {
	if l.changedHands() {
		l.out.Event("reload", "")
		return false
	}
	p, err := v(l.call)
	switch {
	case l.Context().Err() != nil:
		return false
	case runwith.CodeOf(err) == runwith.NotFound: // the page that says so does not change
		l.out.Event("reload", "")
		return false
	case err != nil:
		return l.sendPage(l.server.failed(l.call, err))
	case !p.Live:
		l.out.Event("reload", "")
		return false
	}
	l.memo.failing = false
	return l.sendPage(p)
}

// changedHands reports whether the visitor is somebody else by now, or nobody.
func (l *live) changedHands() bool {
	if time.Since(l.checked) < recheck {
		return false
	}
	l.checked = time.Now()
	who, signedIn, err := l.server.Visitors.Identify(l.Request)
	return err != nil || who != l.who || signedIn != l.signedIn
}

func (l *live) sendPage(p page) bool {
	var content bytes.Buffer
	if err := l.server.pages.writeContent(&content, p, l.frame(p)); err != nil {
		l.server.Logger.ErrorContext(l.Context(), "page cannot be written", "page", p.Template, "error", err)
		return false
	}
	hash := sha256.Sum256(content.Bytes())
	if hash == l.sent {
		return true
	}
	l.sent = hash
	l.out.Event("page", struct {
		Title   string `json:"title"`
		Content string `json:"content"`
	}{p.Title, content.String()})
	return true
}
