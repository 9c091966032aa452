package console

import (
	"net/http"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

// signInData is the page that asks for an API key.
type signInData struct{ Message, Next string }

// signInPage asks the visitor for an API key.
//
// Browsers leave out the cookies of a session when a visitor comes from another site, such as
// by a link in a chat. So a visitor who may have one gets a page that asks again by itself,
// which is then no visit from another site.
func (s *server) signInPage(c *call, err error) page {
	if c.Method == http.MethodGet && c.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return page{Template: "again", Title: "One moment"}
	}
	next := c.URL.RequestURI()
	if c.Method != http.MethodGet || strings.HasPrefix(next, "/console/") {
		next = "/"
	}
	return page{Template: "signin", Title: "Sign in", Status: apierror.Status(err), Data: signInData{apierror.Public(err).Message, next}}
}

// signInForm shows the form to visitors who are somebody already, such as the local user.
func (s *server) signInForm(*call) (page, error) {
	return page{Template: "signin", Title: "Sign in", Data: signInData{"You are then the caller who has the key.", "/"}}, nil
}

// signIn exchanges the API key of the form for a session, and goes on to the page that the
// visitor wanted. Its caller is not known yet.
func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, server: s, w: w, token: s.Visitors.Token(w, r)}
	s.answer(c, func(c *call) (page, error) {
		if err := s.Visitors.CheckPost(r); err != nil {
			return page{}, err
		}
		next := ownPath(c.PostFormValue("next"))
		err := s.Visitors.SignIn(w, r, strings.TrimSpace(c.PostFormValue("key")))
		if runwith.CodeOf(err) == runwith.Unauthenticated {
			return page{Template: "signin", Title: "Sign in", Status: apierror.Status(err), Data: signInData{apierror.Public(err).Message, next}}, nil
		}
		return redirect(next, "signed-in"), err
	})
}

// signOut ends the session.
func (s *server) signOut(c *call) (page, error) {
	s.Visitors.SignOut(c.w, c.Request)
	return redirect("/", ""), nil
}

// ownPath returns a path of this server, and the root for anything else, so that a form cannot
// send the visitor elsewhere.
func ownPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
