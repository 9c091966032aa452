package console

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/console/session"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/principal"
)

// Config is what [New] needs. Parts that are nil have no page.
type Config struct {
	// Invoker is required.
	Invoker   api.Invoker
	Callbacks api.Callbacks
	Events    api.Events
	Schedules api.Schedules
	// API is the handler of the API, which the console asks for logs. It gets requests whose
	// contexts carry the caller. Required.
	API http.Handler
	// Access says what a caller may do, so that the console shows nothing else. Required.
	Access Access
	// Visitors tell who calls, and which forms are the console's own. Required.
	Visitors Visitors
	// Engine is the engine in the same process; nil without one.
	Engine *Engine
	// Notes return what people should know although the server works, or "".
	Notes []func() string
	// Checks return why the server cannot do its work.
	Checks []func(context.Context) error

	// Now returns the time by the store's clock, which the times of invocations come from; nil is
	// the machine's clock.
	Now func() time.Time
	// Version is the program's.
	Version string
	// Logger logs the causes that pages leave out; nil discards them.
	Logger *slog.Logger
	// Context ends live pages, which would otherwise delay a shutdown. Nil never ends them.
	Context context.Context
}

// Access says what the caller in a context may do. It decides only what is shown: each method
// of the interfaces behind the console checks the caller itself.
type Access interface {
	// Can reports whether the caller has a verb for a job.
	Can(ctx context.Context, job string, v policy.Verb) bool
	// Rights returns what the caller may do with an invocation.
	Rights(ctx context.Context, i runwith.Invocation) access.Rights
	// Check returns the error with which the policy would refuse a start, or nil.
	Check(ctx context.Context, job string, asked runwith.Request) error
	// CheckRerun returns the error with which it would refuse to run an invocation again, or nil.
	CheckRerun(ctx context.Context, again invoker.Rerun) error
	// MaxBody returns the size of the largest request for a job in bytes; 0 is no limit of its own.
	MaxBody(ctx context.Context, job string) int
	// Operates returns nil if the caller may operate the server.
	Operates(ctx context.Context) error
}

var _ Access = (*access.Access)(nil)

// Visitors tell who calls, and which forms are the console's own.
type Visitors interface {
	// Identify returns the caller of a request. An UNAUTHENTICATED error means that the
	// visitor must sign in. signedIn means that the visitor can sign out.
	Identify(r *http.Request) (_ principal.Principal, signedIn bool, err error)
	// Token returns the token for the forms of a page. It may set a cookie.
	Token(w http.ResponseWriter, r *http.Request) string
	// CheckPost returns why a form is not one of this visitor's pages, or nil.
	CheckPost(r *http.Request) error
	// SignIn exchanges an API key for a session.
	SignIn(w http.ResponseWriter, r *http.Request, key string) error
	// SignOut ends the visitor's session.
	SignOut(w http.ResponseWriter, r *http.Request)
}

var _ Visitors = (*session.Visitors)(nil)

// server is the handler that New returns.
type server struct {
	Config

	mux       *http.ServeMux
	pages     *pages
	assets    *assets
	seats     *seats
	tasks     taskMemory
	checkup   checkup
	overviews overviews
}

// New returns the handler of the console. It needs a guard in front of it.
func New(c Config) http.Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Context == nil {
		c.Context = context.Background()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &server{
		Config: c, mux: http.NewServeMux(), pages: newPages(), assets: newAssets(), seats: newSeats(),
	}
	s.route()
	return s
}

// Patterns are the paths of the console beside the root, for a route table.
func Patterns() []string {
	all := []string{"/console/"}
	for _, name := range []string{"invocations", "jobs", "start", "schedules", "events", "callbacks", "usage", "engine"} {
		all = append(all, "/"+name, "/"+name+"/")
	}
	return all
}

// policyText is the content security policy of all pages.
const policyText = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policyText)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	s.mux.ServeHTTP(w, r)
}
