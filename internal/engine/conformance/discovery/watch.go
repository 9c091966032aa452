package discovery

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith"
)

// Watch is a handler in front of a server. It compares every answer with the documents of
// v1 and v2, and every error with Google's error format. A deviation fails the test. Its
// methods may be called concurrently.
type Watch struct {
	t         testing.TB
	next      http.Handler
	documents []*Document

	mu   sync.Mutex
	seen map[string]int // number of answers by the ID of their method
}

// NewWatch returns a Watch in front of next. It does not check gRPC answers.
func NewWatch(t testing.TB, next http.Handler) *Watch {
	t.Helper()
	w := &Watch{t: t, next: next, seen: map[string]int{}}
	for _, version := range []string{"v1", "v2"} {
		d, err := Load(version)
		if err != nil {
			t.Fatal(err)
		}
		w.documents = append(w.documents, d)
	}
	return w
}

// Seen returns the sorted IDs of the methods whose answers were checked, such as
// run.namespaces.jobs.run.
func (w *Watch) Seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.seen))
}

// ServeHTTP forwards the request and checks the answer.
func (w *Watch) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		w.next.ServeHTTP(rw, r)
		return
	}
	recorded := &recorder{ResponseWriter: rw, status: http.StatusOK}
	w.next.ServeHTTP(recorded, r)
	if recorded.status >= http.StatusBadRequest {
		w.checkError(r, recorded)
		return
	}
	for _, d := range w.documents {
		id, deviations := d.Check(r.Method, r.URL.Path, recorded.body.Bytes())
		if id != "" {
			w.count(id)
		}
		for _, deviation := range deviations {
			w.t.Errorf("%s %s (%s): %s", r.Method, r.URL.Path, id, deviation)
		}
	}
}

func (w *Watch) count(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[id]++
}

// checkError compares an error with Google's error format.
// https://google.aip.dev/193
func (w *Watch) checkError(r *http.Request, recorded *recorder) {
	if strings.HasPrefix(r.URL.Path, "/computeMetadata/") {
		return // the metadata server answers in text
	}
	var answer struct {
		Error struct {
			Code            int
			Message, Status string
		}
	}
	decoder := json.NewDecoder(&recorded.body)
	decoder.DisallowUnknownFields()
	call := r.Method + " " + r.URL.Path
	if err := decoder.Decode(&answer); err != nil {
		w.t.Errorf("%s: status %d with %+v, %v; want an error in Google's format", call, recorded.status, answer, err)
		return
	}
	e := answer.Error
	if e.Code != recorded.status {
		w.t.Errorf("%s: code in the body = %d, want that of the answer, %d", call, e.Code, recorded.status)
	}
	if e.Message == "" {
		w.t.Errorf("%s: status %d without a message", call, recorded.status)
	}
	if _, known := runwith.ParseCode(e.Status); !known {
		w.t.Errorf("%s: status in the body = %q, want a canonical code", call, e.Status)
	}
}

// recorder records an answer while it passes.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader records the status.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write records the bytes.
func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

// Unwrap supports [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
