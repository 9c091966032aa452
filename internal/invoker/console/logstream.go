package console

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/eventstream"
)

// logStream answers with the lines of a log as server-sent events. The API answers: its limits
// hold here too, and its events name where a stream goes on.
func (s *server) logStream(w http.ResponseWriter, r *http.Request) {
	c, err := s.call(w, r)
	if err != nil {
		apierror.WriteProblem(w, err)
		return
	}
	defer c.whileSame()()
	c.askAPI(eventstream.MediaType)
}

// logDownload answers with a whole log as a file. It ends with the session, as a stream does, and
// is never followed: a file has an end.
func (s *server) logDownload(c *call) (page, error) {
	i, err := s.Invoker.Invocation(c.Context(), c.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	c.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": i.ID + ".log"}))
	c.w.Header().Set("Cache-Control", "no-store")
	defer c.whileSame()()
	c.askAPI("text/plain", "follow")
	return page{Written: true}, nil
}

// askAPI has the API answer with the log of the invocation. The query is the visitor's, without
// some names.
func (c *call) askAPI(accept string, without ...string) {
	r := c.Clone(c.Context())
	query := r.URL.Query()
	for _, name := range without {
		query.Del(name)
	}
	r.URL.RawQuery = query.Encode()
	id := c.PathValue("id")
	r.URL.Path, r.URL.RawPath = "/api/v1/invocations/"+id+"/logs", "/api/v1/invocations/"+url.PathEscape(id)+"/logs"
	r.RequestURI = r.URL.RequestURI()
	r.Header.Set("Accept", accept)
	c.server.API.ServeHTTP(c.w, r)
}

// whileSame ends the request's context when the visitor is somebody else, such as nobody after
// a sign-out. The caller calls stop at the end.
func (c *call) whileSame() (stop func()) {
	ctx, cancel := context.WithCancelCause(c.Context())
	r := c.Request
	c.Request = r.WithContext(ctx)
	go func() {
		tick := time.NewTicker(refresh)
		defer tick.Stop()
		for c.same(r) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		cancel(runwith.Errorf(runwith.Unauthenticated, "your session has ended: reload the page, and sign in again"))
	}()
	return func() { cancel(nil) }
}

// same reports whether a request still comes from the same visitor.
func (c *call) same(r *http.Request) bool {
	who, signedIn, err := c.server.Visitors.Identify(r)
	return err == nil && who == c.who && signedIn == c.signedIn
}
