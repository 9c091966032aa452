package metadata

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/cause"
)

const (
	root         = "/computeMetadata/v1/"
	flavorHeader = "Metadata-Flavor"
	flavor       = "Google"
)

// server serves its entries, and for each folder the list of its names. It is safe for
// concurrent use.
type server struct {
	entries entries
	log     *slog.Logger
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(flavorHeader, flavor)
	w.Header().Set("Allow", "GET, HEAD")
	if err := refuse(r); err != nil {
		apierror.WriteText(w, err)
		return
	}
	path, below := strings.CutPrefix(r.URL.Path, root)
	switch {
	case r.URL.Path == "/":
		writeText(w, "computeMetadata/\n") // libraries only check the header
	case r.URL.Path == "/computeMetadata/":
		writeText(w, "v1/\n")
	case below:
		s.answer(w, r, path)
	case r.URL.Path+"/" == root:
		slash(w, r)
	default:
		notFound(w, r)
	}
}

// refuse returns the error for a refused request, or nil. It requires the header
// Metadata-Flavor, which a link in a browser cannot set, and refuses X-Forwarded-For, which a
// proxy sets for a remote client.
//
// See https://cloud.google.com/compute/docs/metadata/querying-metadata#parts-of-a-request.
func refuse(r *http.Request) error {
	switch {
	case len(r.Header.Values("X-Forwarded-For")) > 0:
		return runwith.Errorf(runwith.PermissionDenied, "the metadata server refuses forwarded requests (X-Forwarded-For)")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return &runwith.Error{Code: runwith.Unimplemented, Err: cause.MethodNotAllowed, Message: "the metadata server only answers GET"}
	case r.URL.Path != "/" && r.Header.Get(flavorHeader) != flavor:
		return runwith.Errorf(runwith.PermissionDenied, "the request lacks the header %s: %s", flavorHeader, flavor)
	}
	return nil
}

// answer writes the entry at a path below root.
func (s *server) answer(w http.ResponseWriter, r *http.Request, path string) {
	form, err := parseForm(r.URL.Query())
	if err != nil {
		apierror.WriteText(w, err)
		return
	}
	switch found := s.entries[path]; {
	case found.make != nil:
		s.make(w, r, form, found)
	case found.value != nil:
		form.write(w, found.value)
	default:
		s.folder(w, r, form, path)
	}
}

// folder writes the content of a folder.
func (s *server) folder(w http.ResponseWriter, r *http.Request, form form, path string) {
	folder := path
	if path != "" {
		folder = strings.TrimSuffix(path, "/") + "/"
	}
	switch {
	case !s.entries.isFolder(folder):
		notFound(w, r)
	case path != folder:
		slash(w, r)
	case form.recursive && form.json:
		writeJSON(w, s.entries.tree(folder))
	case form.recursive:
		writeText(w, joinLines(s.entries.lines(folder)))
	default:
		form.write(w, s.entries.names(folder))
	}
}

// slash redirects to the same path with a slash at its end.
func slash(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, strings.TrimSuffix(r.URL.EscapedPath()+"/?"+r.URL.RawQuery, "?"), http.StatusMovedPermanently)
}

// make writes a value that is computed for this request.
func (s *server) make(w http.ResponseWriter, r *http.Request, form form, e entry) {
	w.Header().Set("Cache-Control", "no-store")
	value, err := e.make(r.URL.Query())
	switch {
	case err == nil:
		form.write(w, value)
	case runwith.CodeOf(err) == runwith.InvalidArgument:
		apierror.WriteText(w, err)
	default:
		unavailable(w, r, s.log, err)
	}
}

func notFound(w http.ResponseWriter, r *http.Request) {
	apierror.WriteText(w, runwith.Errorf(runwith.NotFound, "the metadata server has no %q", r.URL.Path))
}

// unavailable logs an error of the machine and answers without its text, because the text
// contains the server's folders.
func unavailable(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	log.ErrorContext(r.Context(), "metadata server", "path", r.URL.Path, "error", err)
	apierror.WriteText(w, runwith.Errorf(runwith.Unavailable, "the server cannot create its key; its log has the reason"))
}
