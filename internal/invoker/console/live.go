package console

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

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
// content; reload, after which the browser asks for the whole page again: the page is not live
// any more, or the visitor is somebody else by now; and full, after which it tries again later.
func (s *server) stream(c *call, v view) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		c.w.Header().Set("Connection", "close") // or the visitor's connection would stay
		c.tell("full", "Too many pages are open at this server, so this one shows what it was. It goes on when another one is closed.")
		return
	}
	ctx, cancel := context.WithCancel(c.Context())
	defer context.AfterFunc(s.Context, cancel)()
	defer cancel()
	c.Request = c.WithContext(ctx)
	newLive(c).run(v)
}

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
	sent    []byte // the content that the browser has
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
			l.out.Beat()
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
	_ = l.out.Flush() // nothing follows
}

// send writes the content if it has changed, and reports whether the stream goes on.
func (l *live) send(v view) bool {
	if l.changedHands() {
		l.out.Event("reload", "")
		return false
	}
	p, err := v(l.call)
	if l.Context().Err() != nil {
		return false
	}
	if err != nil {
		p = l.server.failed(l.call, err)
	} else if !p.Live {
		l.out.Event("reload", "")
		return false
	}
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
	if bytes.Equal(content.Bytes(), l.sent) {
		return true
	}
	l.sent = bytes.Clone(content.Bytes())
	l.out.Event("page", struct {
		Title   string `json:"title"`
		Content string `json:"content"`
	}{p.Title, content.String()})
	return true
}
