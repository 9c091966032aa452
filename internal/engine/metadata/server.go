package metadata

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

const (
	root         = "/computeMetadata/v1/"
	flavorHeader = "Metadata-Flavor"
	flavor       = "Google"
)

// server answers from its entries, and for each folder of them with a list. It
// is safe for concurrent use.
type server struct {
	entries entries
	log     *slog.Logger
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(flavorHeader, flavor)
	w.Header().Set("Allow", "GET, HEAD")
	if status, message := refuse(r); status != http.StatusOK {
		http.Error(w, message, status)
		return
	}
	path, below := strings.CutPrefix(r.URL.Path, root)
	switch {
	case r.URL.Path == "/":
		writeText(w, "computeMetadata/\n") // libraries look for the header alone
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

// refuse returns the status and the message for a request that is not answered,
// and 200 for any other. The header proves that no one was led here by a link;
// X-Forwarded-For that the request comes from elsewhere.
//
// See https://cloud.google.com/compute/docs/metadata/querying-metadata#parts-of-a-request.
func refuse(r *http.Request) (status int, message string) {
	switch {
	case len(r.Header.Values("X-Forwarded-For")) > 0:
		return http.StatusForbidden, "the metadata server answers no request that was forwarded (X-Forwarded-For)"
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return http.StatusMethodNotAllowed, "the metadata server answers GET alone"
	case r.URL.Path != "/" && r.Header.Get(flavorHeader) != flavor:
		return http.StatusForbidden, "the request lacks the header " + flavorHeader + ": " + flavor
	}
	return http.StatusOK, ""
}

// answer writes what stands at a path below root.
func (s *server) answer(w http.ResponseWriter, r *http.Request, path string) {
	form, err := parseForm(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
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

// folder writes what is in a folder.
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

// slash sends a caller to the folder that was meant.
func slash(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, strings.TrimSuffix(r.URL.EscapedPath()+"/?"+r.URL.RawQuery, "?"), http.StatusMovedPermanently)
}

// make writes what is made for this request alone.
func (s *server) make(w http.ResponseWriter, r *http.Request, form form, e entry) {
	w.Header().Set("Cache-Control", "no-store")
	value, err := e.make(r.URL.Query())
	switch {
	case err == nil:
		form.write(w, value)
	case runwith.CodeOf(err) == runwith.InvalidArgument:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		unavailable(w, r, s.log, err)
	}
}

func notFound(w http.ResponseWriter, r *http.Request) {
	http.Error(w, fmt.Sprintf("the metadata server has no %q", r.URL.Path), http.StatusNotFound)
}

// unavailable hides a fault of the machine, whose text has the server's folders in it.
func unavailable(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	log.ErrorContext(r.Context(), "metadata server", "path", r.URL.Path, "error", err)
	apierror.WriteText(w, runwith.Errorf(runwith.Unavailable, "the server cannot create its key; its log has the reason"))
}
