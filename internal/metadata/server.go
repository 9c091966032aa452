package metadata

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	root          = "/computeMetadata/v1/"
	flavorHeader  = "Metadata-Flavor"
	flavor        = "Google"
	textMediaType = "application/text" // as Google's server says
)

// entry writes one value.
type entry func(w http.ResponseWriter)

func text(value string) entry {
	return func(w http.ResponseWriter) { writeText(w, value) }
}

func notServed(message string) entry {
	return func(w http.ResponseWriter) { http.Error(w, message, http.StatusNotImplemented) }
}

func writeText(w http.ResponseWriter, value string) {
	w.Header().Set("Content-Type", textMediaType)
	fmt.Fprint(w, value)
}

// server answers from its entries, and for each folder of them with a list. It
// is safe for concurrent use.
type server struct {
	entries map[string]entry
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
	case below:
		s.answer(w, r, path)
	default:
		notFound(w, r)
	}
}

// refuse returns the status and the message for a request that is not answered,
// and 200 for any other. The header proves that no one was led here by a link;
// X-Forwarded-For that the request comes from elsewhere.
//
// Deviation: values are served one by one, as text and without waiting.
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
	query := r.URL.Query()
	for _, name := range []string{"recursive", "wait_for_change", "alt"} {
		off, err := strconv.ParseBool(query.Get(name))
		if query.Has(name) && (err != nil || off) {
			return http.StatusNotImplemented, fmt.Sprintf("the query parameter %s is not served; ask for each value by its own path", name)
		}
	}
	return http.StatusOK, ""
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, path string) {
	if write, ok := s.entries[path]; ok {
		write(w)
		return
	}
	names := s.list(path)
	switch {
	case len(names) == 0:
		notFound(w, r)
	case path != "" && !strings.HasSuffix(path, "/"):
		http.Redirect(w, r, r.URL.EscapedPath()+"/", http.StatusMovedPermanently)
	default:
		writeText(w, strings.Join(names, "\n")+"\n")
	}
}

// list returns the sorted names in the folder path, those of folders with a slash
// behind them.
func (s *server) list(path string) []string {
	if path != "" && !strings.HasSuffix(path, "/") {
		path += "/"
	}
	names := make(map[string]bool)
	for entry := range s.entries {
		rest, ok := strings.CutPrefix(entry, path)
		if !ok {
			continue
		}
		name, _, isFolder := strings.Cut(rest, "/")
		if isFolder {
			name += "/"
		}
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func notFound(w http.ResponseWriter, r *http.Request) {
	http.Error(w, fmt.Sprintf("the metadata server has no %q", r.URL.Path), http.StatusNotFound)
}
