package guard

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// checkType refuses a body of a type that a web page can send without a preflight, which
// this server never answers: text, forms, and no type at all. It admits
//   - JSON, also as application/octet-stream, which Cloud Scheduler sends by default;
//   - a batch of calls;
//   - the form of a GET that is sent as a POST, because a page cannot send its header.
//
// See https://fetch.spec.whatwg.org/#cors-safelisted-request-header.
func checkType(h http.Header) *runwith.Error {
	mediaType, parameters := parseType(h)
	switch mediaType {
	case "application/json", "application/octet-stream":
		return checkCharset(h, parameters)
	case "multipart/mixed":
		return nil
	case "application/x-www-form-urlencoded":
		if h.Get("X-Http-Method-Override") != "" {
			return checkCharset(h, parameters)
		}
	}
	return WrongType(h)
}

// Unasked reports whether a web page could send a body of this type without asking the
// server first: text, a form, no type, or one that browsers may read in different ways.
//
// See https://fetch.spec.whatwg.org/#cors-safelisted-request-header.
func Unasked(h http.Header) bool {
	switch mediaType, _ := parseType(h); mediaType {
	case "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data":
		return true
	}
	return false
}

// CheckJSON refuses a body whose type is neither JSON nor application/octet-stream. It is
// for APIs that take nothing else.
func CheckJSON(h http.Header) *runwith.Error {
	switch mediaType, parameters := parseType(h); mediaType {
	case "application/json", "application/octet-stream":
		return checkCharset(h, parameters)
	}
	return WrongType(h)
}

// parseType returns the type of a body, or "" if the header has not exactly one. A
// malformed type does not count, because a browser may interpret it differently.
func parseType(h http.Header) (mediaType string, parameters map[string]string) {
	values := h.Values("Content-Type")
	if len(values) != 1 {
		return "", nil
	}
	mediaType, parameters, err := mime.ParseMediaType(values[0])
	if err != nil {
		return "", nil
	}
	return mediaType, parameters
}

// checkCharset refuses characters that are not UTF-8. Those of ASCII are.
func checkCharset(h http.Header, parameters map[string]string) *runwith.Error {
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return nil
	}
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: fmt.Sprintf("Content-Type %q: the charset of a request's body must be utf-8", h.Get("Content-Type")),
		Err:     cause.ContentType,
	}
}

// noGRPC returns the refusal of a gRPC call that no route takes: the server is no engine.
func noGRPC(r *http.Request) *runwith.Error {
	return runwith.Errorf(runwith.FailedPrecondition, "%s is an invoker, not an engine: correct --endpoint", r.Host)
}

// WrongType returns the refusal of a body that is not JSON.
func WrongType(h http.Header) *runwith.Error {
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: fmt.Sprintf("Content-Type %q: a body must be application/json, or application/octet-stream with JSON in it", h.Get("Content-Type")),
		Err:     cause.ContentType,
	}
}
