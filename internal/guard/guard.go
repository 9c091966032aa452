// Package guard protects a server's routes. The engine runs commands, so no web page may
// reach it, and no slow or endless request may block the server.
//
// A [Guard] refuses
//   - requests of pages of other origins, including GET and OPTIONS. It sends no CORS
//     header, so such a page cannot read an answer either;
//   - a Host that is not a name of this machine, which prevents DNS rebinding;
//   - a body of a type that a page may send unasked, that is too large, also once it is
//     expanded, or that arrives too slowly.
//
// Deviation: Google's APIs answer pages of other origins, with CORS headers.
//
// Only the first two apply to gRPC requests, because grpc-go limits its own messages.
// Package server limits headers, idle connections and the addresses of listeners.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

const (
	defaultMaxBody     = 1 << 20
	defaultBodyTimeout = 30 * time.Second
)

// Config configures a [Guard]. The zero value works.
type Config struct {
	// AllowHosts are additional names or IP addresses of this machine (--allow-host),
	// without scheme and port. A leading dot, as in .run.app, allows every name below. The
	// owner of that domain must not let others decide where those names point.
	AllowHosts []string
	// MaxBody is the largest REST body in bytes, both compressed and expanded; 0 means 1 MiB.
	MaxBody int64
	// BodyTimeout is the longest time in which a client may send a REST body; 0 means 30 s.
	BodyTimeout time.Duration
	// Rule returns how to treat a request; nil treats all alike.
	Rule func(*http.Request) Rule
	// Reject writes a refusal in the error format of the API that was called; nil
	// writes plain text. gRPC requests get a gRPC status instead.
	Reject func(w http.ResponseWriter, r *http.Request, err *runwith.Error)
}

// Validate returns all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	for _, name := range c.AllowHosts {
		if !validHost(strings.TrimPrefix(name, ".")) {
			faults = append(faults, fmt.Errorf("allow-host %q: must be a host name or an IP address, without scheme, port or wildcard, or a dot and a name for all below it", name))
		}
	}
	if c.MaxBody < 0 {
		faults = append(faults, fmt.Errorf("max body %d: must not be negative", c.MaxBody))
	}
	if c.BodyTimeout < 0 {
		faults = append(faults, fmt.Errorf("body timeout %v: must not be negative", c.BodyTimeout))
	}
	return errors.Join(faults...)
}

// Guard decides which requests reach a server's routes. It may be used concurrently and
// by several servers.
type Guard struct {
	hosts       hosts
	maxBody     int64
	bodyTimeout time.Duration
	rule        func(*http.Request) Rule
	reject      func(http.ResponseWriter, *http.Request, *runwith.Error)
}

// New returns the Guard for c, or the error of [Config.Validate].
func New(c Config) (*Guard, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	g := &Guard{
		hosts:       newHosts(c.AllowHosts),
		maxBody:     cmp.Or(c.MaxBody, defaultMaxBody),
		bodyTimeout: cmp.Or(c.BodyTimeout, defaultBodyTimeout),
		rule:        c.Rule,
		reject:      c.Reject,
	}
	if g.reject == nil {
		g.reject = func(w http.ResponseWriter, _ *http.Request, err *runwith.Error) { apierror.WriteText(w, err) }
	}
	return g, nil
}

// Wrap returns a handler that hands admitted requests to next. It must be the outermost
// handler, because net/http must see the body's limits.
//
// A body without a declared length can exceed the limit while next reads it, and any body
// can be too slow. Its Read then returns a [*runwith.Error]. An answer is broken off if the
// client reads too little of it.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		bounded := newAnswer(w)
		defer bounded.finish(g.bodyTimeout)
		admitted, refusal := g.admit(w, r)
		switch {
		case refusal == nil:
			next.ServeHTTP(bounded, admitted)
		case IsGRPC(r):
			apierror.WriteGRPC(w, refusal)
		default:
			g.reject(w, r, refusal)
		}
	})
}

// Check returns why the Guard refuses a request because of its Host or origin, or nil. It
// is for servers that are not an [http.Handler].
func (g *Guard) Check(r *http.Request) *runwith.Error {
	if refusal := g.hosts.check(r); refusal != nil {
		return refusal
	}
	return checkOrigin(r)
}

// admit returns the request with a limited body, or why the Guard refuses it.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request) (*http.Request, *runwith.Error) {
	hasBody, link := r.ContentLength != 0, isLink(r)
	var rule Rule
	if hasBody || link {
		rule = g.ruleOf(r)
	}
	hasBody = hasBody && !(rule.GRPC && IsGRPC(r))
	if hasBody {
		// Limited before any refusal, because net/http reads the rest of a refused body.
		r = g.boundBody(w, r, rule.MaxBody)
	}
	if refusal := g.hosts.check(r); refusal != nil {
		return nil, refusal
	}
	if refusal := checkOrigin(r); refusal != nil && (!link || !rule.Linked) {
		return nil, refusal
	}
	if hasBody && !rule.Raw {
		return checkBody(w, r, rule.MaxBody)
	}
	return r, nil
}
