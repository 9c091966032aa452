package console

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/principal"
)

// page is an answer of the console.
type page struct {
	// Template is the name of a file in templates, without .html.
	Template string
	Title    string
	// Nav is the path of the entry in the navigation to which the page belongs.
	Nav  string
	Data any
	// Live pages send their content again whenever it has changed.
	Live bool
	// Module is the name of a module in assets that the page needs besides the common one,
	// without .mjs; empty: none.
	Module string
	// Status is the HTTP status; 0 is 200.
	Status int
	// Unscripted is the path of a page for browsers without JavaScript; empty: this page.
	Unscripted string
	// Written means that the view has answered the request.
	Written bool
	// Location, if not empty, is where the visitor goes instead.
	Location string
}

// redirect returns the answer that sends the visitor to another page. done is a key of
// notices.
func redirect(location, done string) page {
	if done == "" {
		return page{Location: location}
	}
	sign := "?"
	if strings.Contains(location, sign) {
		sign = "&"
	}
	return page{Location: location + sign + "done=" + done}
}

// call is one request with its caller.
type call struct {
	*http.Request
	server   *server
	w        http.ResponseWriter
	who      principal.Principal
	signedIn bool
	token    string // for the forms of the page
	memo     memo
}

// memo is what a live page remembers, so that it does not ask Cloud Run each time.
type memo struct {
	changed bool // changes and unknown are set
	values  bool // the caller saw values then
	changes []runwith.Change
	unknown string

	tasks *tasksData // that the browser has

	failing bool // the page shows an error, whose cause was logged
}

// operates reports whether the caller may operate the server.
func (c *call) operates() bool { return c.server.Access.Operates(c.Context()) == nil }

// answer writes the page of a view, or the page of its error.
func (s *server) answer(c *call, v view) {
	p, err := v(c)
	if err != nil {
		p = s.failed(c, err)
	}
	if p.Written {
		return
	}
	if p.Location != "" {
		http.Redirect(c.w, c.Request, p.Location, http.StatusSeeOther)
		return
	}
	var body bytes.Buffer
	if err := s.pages.write(&body, p, c.frame(p)); err != nil {
		s.Logger.ErrorContext(c.Context(), "page cannot be written", "page", p.Template, "error", err)
		apierror.WriteText(c.w, runwith.Errorf(runwith.Internal, "This page cannot be shown because of an error in runwith. The server's log has the cause."))
		return
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	c.w.WriteHeader(max(p.Status, http.StatusOK))
	_, _ = body.WriteTo(c.w) // the visitor may have left
}

// failed returns the page of an error. A live page logs the cause once until it works again.
func (s *server) failed(c *call, err error) page {
	err = apierror.Ended(c.Context(), err)
	if runwith.CodeOf(err) == runwith.Unauthenticated {
		return s.signInPage(c, err)
	}
	public := apierror.Public(err)
	if cause := errors.Unwrap(err); cause != nil && !c.memo.failing {
		s.Logger.Log(c.Context(), apierror.Level(apierror.Status(err)), "page shows an error", "path", c.URL.Path, "code", public.Code, "error", err, "cause", cause)
	}
	c.memo.failing = true
	title := http.StatusText(apierror.Status(err))
	if public.Code == runwith.NotFound {
		title = "Not found"
	}
	return page{Template: "problem", Title: title, Status: apierror.Status(err), Data: problem{title, public.Message, back(c)}}
}

// problem is the data of the page of an error.
type problem struct {
	Title, Message string
	// Back is the page that the visitor came from.
	Back string
}

// back returns the page to return to after a form that failed: the one with the form, as the
// browser tells. The path of the form itself may be no page.
func back(c *call) string {
	from, err := url.Parse(c.Referer())
	if c.Method == http.MethodGet || err != nil || from.Host != c.Host {
		return ""
	}
	return ownPath(from.RequestURI())
}

// frame is what a template gets: the page, and what is the same on all pages.
type frame struct {
	page
	Version  string
	Who      string // name of the caller; empty: nobody in particular
	SignedIn bool
	Menu     []entry
	Token    string // for forms
	Assets   string // prefix of their paths
	Notice   string // what has just been done
	Path     string
	Address  string // URL of this server, as the visitor's browser has it
}

// entry is one entry of the navigation.
type entry struct {
	Path, Text string
	Here       bool
}

func (c *call) frame(p page) frame {
	f := frame{page: p, Version: c.server.Version, Who: c.who.Name, SignedIn: c.signedIn, Token: c.token, Assets: c.server.assets.prefix, Path: c.URL.Path, Address: c.server.address(c)}
	if p.Template != "signin" && p.Template != "again" {
		f.Menu = c.menu(p.Nav)
	}
	f.Notice = notices[c.URL.Query().Get("done")]
	return f
}

// menu returns the navigation: the pages that the caller may open.
func (c *call) menu(here string) []entry {
	s := c.server
	var all []entry
	for _, e := range []struct {
		entry
		shown bool
	}{
		{entry{Path: "/", Text: "Overview"}, true},
		{entry{Path: "/invocations", Text: "Invocations"}, true},
		{entry{Path: "/jobs", Text: "Jobs"}, true},
		{entry{Path: "/schedules", Text: "Schedules"}, s.Schedules != nil},
		{entry{Path: "/events", Text: "Events"}, s.Events != nil},
		{entry{Path: "/callbacks", Text: "Callbacks"}, s.Callbacks != nil && c.operates()},
		{entry{Path: "/usage", Text: "Usage"}, true},
		{entry{Path: "/engine", Text: "Engine"}, s.Engine != nil && c.operates()},
	} {
		if e.shown {
			e.Here = e.Path == here
			all = append(all, e.entry)
		}
	}
	return all
}
