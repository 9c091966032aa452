// Package guard is what every listener puts in front of its routes. The engine
// runs commands, so a web page must never reach it, and one slow or boundless
// request must not hold the server up.
//
// A [Guard] refuses
//   - what a page of another origin sends, GET and OPTIONS included, and sends
//     no CORS header, so that such a page can read no answer either;
//   - a Host that does not mean this machine, which closes DNS rebinding;
//   - a body that is not JSON, is too large or comes too slowly.
//
// Deviation: Google's APIs answer pages of other origins, with CORS headers.
//
// gRPC requests are held to the first two; grpc-go bounds its own messages.
// [Server] bounds headers and idle connections, and [CheckBind] keeps a listener
// on the loopback interface unless it is told otherwise.
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

// Config says what a [Guard] lets through. The zero value works.
type Config struct {
	// AllowHosts are more names or IP addresses that mean this machine
	// (--allow-host), without scheme and port. One that begins with a dot, such as
	// .run.app, is every name below it: whoever owns it must let nobody else say
	// where those names lead.
	AllowHosts []string
	// MaxBody is the largest REST body in bytes; 0 means 1 MiB.
	MaxBody int64
	// BodyTimeout is the time that a client has to send a REST body; 0 means 30 s.
	BodyTimeout time.Duration
	// Reject writes a refusal in the error format of the API that was called; nil
	// writes plain text. gRPC requests get a gRPC status instead.
	Reject func(w http.ResponseWriter, r *http.Request, err *runwith.Error)
}

// Validate reports all faults of the configuration.
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

// Guard decides which requests reach a listener's routes. It may be used
// concurrently, and for several listeners.
type Guard struct {
	hosts       hosts
	maxBody     int64
	bodyTimeout time.Duration
	reject      func(http.ResponseWriter, *http.Request, *runwith.Error)
}

// New returns the Guard for c, or what [Config.Validate] reports.
func New(c Config) (*Guard, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	g := &Guard{
		hosts:       newHosts(c.AllowHosts),
		maxBody:     cmp.Or(c.MaxBody, defaultMaxBody),
		bodyTimeout: cmp.Or(c.BodyTimeout, defaultBodyTimeout),
		reject:      c.Reject,
	}
	if g.reject == nil {
		g.reject = func(w http.ResponseWriter, _ *http.Request, err *runwith.Error) { apierror.WriteText(w, err) }
	}
	return g, nil
}

// Wrap returns a handler that passes on to next what the Guard lets through. It
// must be the outermost handler, so that net/http sees the body's limits.
//
// A body without a declared length can turn out too large, and any body too
// slow, only while next reads it: Read then returns a [*runwith.Error].
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		admitted, refusal := g.admit(w, r)
		switch {
		case refusal == nil:
			next.ServeHTTP(w, admitted)
		case IsGRPC(r):
			apierror.WriteGRPC(w, refusal)
		default:
			g.reject(w, r, refusal)
		}
	})
}

// Check returns why a request shall not reach the routes, by its Host and its
// origin alone, or nil. It is for servers that are no [http.Handler].
func (g *Guard) Check(r *http.Request) *runwith.Error {
	if refusal := g.hosts.check(r); refusal != nil {
		return refusal
	}
	return checkOrigin(r)
}

// admit returns the request as the routes shall see it, or why they shall not.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request) (*http.Request, *runwith.Error) {
	hasBody := r.ContentLength != 0 && !IsGRPC(r)
	if hasBody {
		// Before any refusal: net/http reads what is left of a refused body, too.
		r = g.boundBody(w, r)
	}
	if refusal := g.Check(r); refusal != nil {
		return nil, refusal
	}
	if hasBody {
		return g.checkBody(r)
	}
	return r, nil
}
