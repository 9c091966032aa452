package console

import (
	"net/http"
	"strings"
)

// signIn exchanges the API key of the form for a session, and goes on to the page that the
// visitor wanted. Its caller is not known yet.
func (s *server) signIn(w http.ResponseWriter, r *http.Request) {
	c := &call{Request: r, server: s, w: w}
	s.answer(c, func(c *call) (page, error) {
		if err := s.Visitors.CheckPost(r); err != nil {
			return page{}, err
		}
		if err := s.Visitors.SignIn(w, r, strings.TrimSpace(c.PostFormValue("key"))); err != nil {
			return page{}, err
		}
		return redirect(ownPath(c.PostFormValue("next")), "signed-in"), nil
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
