package console

import (
	"net/http"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/principal"
)

// view makes the page that answers a request.
type view func(*call) (page, error)

// route fills the table of routes.
func (s *server) route() {
	s.show("GET /{$}", s.overview)
	s.show("GET /invocations", s.invocations)
	for _, a := range []act{cancelling(), rerunning()} {
		s.show("GET /invocations/"+a.Name, s.bulk(a))
		s.change("POST /invocations/"+a.Name, s.bulk(a))
	}
	s.show("GET /invocations/{id}/logs", s.logs)
	s.show("GET /invocations/{id}/logs/download", s.logDownload)
	s.mux.HandleFunc("GET /invocations/{id}/logs/stream", s.logStream)
	s.show("GET /invocations/{id}", s.invocation)
	s.show("GET /invocations/{id}/cancel", s.askCancel)
	s.show("GET /invocations/{id}/resolve", s.askResolve)
	s.change("POST /invocations/{id}/resolve", s.resolve)
	s.show("GET /jobs", s.jobs)
	s.show("GET /jobs/{job}", s.job)
	s.show("GET /start", s.choose)
	s.show("GET /jobs/{job}/start", s.startOf)
	s.change("POST /jobs/{job}/start", s.start)
	s.show("GET /jobs/{job}/start/preview", s.startOf)
	s.change("POST /jobs/{job}/start/preview", s.previewStart)
	s.show("GET /usage", s.usage)
	s.routeOperation()
	s.show("GET /console/sign-in", s.signInForm)
	s.mux.HandleFunc("POST /console/sign-in", s.signIn)
	s.change("POST /console/sign-out", s.signOut)
	s.mux.HandleFunc("GET /console/assets/{version}/{name}", s.assets.serve)
	s.mux.HandleFunc("/", s.known(s.missing))
}

// routeOperation adds the pages of the parts that the server has.
func (s *server) routeOperation() {
	if s.Schedules != nil {
		s.show("GET /schedules", s.schedules)
		s.show("GET /schedules/{name}", s.schedule)
		s.change("POST /schedules/{name}/pause", s.pause)
		s.change("POST /schedules/{name}/resume", s.resume)
		s.change("POST /schedules/{name}/run", s.runSchedule)
	}
	if s.Events != nil {
		s.show("GET /events", s.events)
		s.show("GET /events/{id}", s.event)
		s.change("POST /events/{id}/retry", s.retryEvent)
	}
	if s.Callbacks != nil {
		s.show("GET /callbacks", s.callbacks)
		s.show("GET /callbacks/{id}", s.delivery)
		s.change("POST /callbacks/{id}/replay", s.replay)
		s.change("POST /callbacks/endpoint/replay", s.replayFailed)
		s.change("POST /callbacks/endpoint/enable", s.enableEndpoint)
	}
	if s.Engine != nil {
		s.show("GET /engine", s.engine)
	}
}

// show adds a page.
func (s *server) show(pattern string, v view) { s.mux.HandleFunc(pattern, s.known(v)) }

// change adds what a form does. The pattern has the method POST.
func (s *server) change(pattern string, v view) {
	s.mux.HandleFunc(pattern, s.known(func(c *call) (page, error) {
		if err := s.Visitors.CheckPost(c.Request); err != nil {
			return page{}, err
		}
		return v(c)
	}))
}

// known answers a request whose caller is known.
func (s *server) known(v view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := v // of this request alone
		c, err := s.call(w, r)
		if runwith.CodeOf(err) == runwith.Unauthenticated && c.wantsStream() {
			c.askAgain()
			return
		} else if err != nil {
			v = func(*call) (page, error) { return page{}, err }
		} else if c.wantsStream() {
			s.stream(c, v)
			return
		}
		s.answer(c, v)
	}
}

// call returns a request with its caller. If the error is not nil, nobody is the caller.
func (s *server) call(w http.ResponseWriter, r *http.Request) (*call, error) {
	who, signedIn, err := s.Visitors.Identify(r)
	if err != nil {
		who = principal.Principal{}
	}
	c := &call{Request: r.WithContext(principal.With(r.Context(), who)), server: s, w: w, who: who, signedIn: signedIn}
	c.token = s.Visitors.Token(w, r)
	return c, err
}

// missing answers paths that the console does not have, or not for the request's method.
func (s *server) missing(c *call) (page, error) {
	if allowed := s.methods(c.Request); allowed != "" {
		c.w.Header().Set("Allow", allowed)
		message := "This page does not take " + visible(c.Method) + " requests."
		return page{Template: "problem", Title: "Not allowed", Status: http.StatusMethodNotAllowed, Data: problem{"Not allowed", message, ""}}, nil
	}
	return page{}, runwith.Errorf(runwith.NotFound, "there is no page %s", visible(c.URL.Path))
}

// methods returns the methods with which a path has a page, as the header Allow has them.
func (s *server) methods(r *http.Request) string {
	var all []string
	for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		other := &http.Request{Method: m, Host: r.Host, URL: r.URL}
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			all = append(all, m)
		}
	}
	return strings.Join(all, ", ")
}

// WriteError writes an error in front of the console, such as one of the guard, as plain text.
func WriteError(w http.ResponseWriter, err error) { apierror.WriteText(w, err) }
