package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// customMethods registers operations such as /invocations/{id}:rerun, in the form of Google's
// custom methods. ServeMux cannot match a part of a segment, so the mux knows them as
// /invocations/{id}/:rerun, and toMux changes the path of a request in the same way.
//
// See https://google.aip.dev/136.
type customMethods struct {
	huma.Adapter
	server *server
}

// Handle implements [huma.Adapter].
func (a customMethods) Handle(op *huma.Operation, handler func(huma.Context)) {
	if name, verb, custom := strings.Cut(op.Path, "}:"); custom {
		a.server.verbs[verb] = true
		inner := *op
		inner.Path = name + "}/:" + verb
		op = &inner
	}
	a.Adapter.Handle(op, handler)
}

// toMux returns a request as the mux knows it. It is false if the caller has sent the path of
// a custom method in that form already.
func (s *server) toMux(r *http.Request) (*http.Request, bool) {
	segment := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	colon := strings.LastIndex(segment, ":")
	if colon < 0 || !s.verbs[segment[colon+1:]] {
		return r, true
	}
	verb := segment[colon+1:]
	inner, at := *r, *r.URL
	at.Path = strings.TrimSuffix(at.Path, ":"+verb) + "/:" + verb
	if escaped, ok := strings.CutSuffix(at.RawPath, ":"+verb); ok {
		at.RawPath = escaped + "/:" + verb
	} else {
		at.RawPath = ""
	}
	inner.URL = &at
	return &inner, colon > 0
}
