package api

import (
	"mime"
	"net/http"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/guard"
)

const methodOverride = "X-HTTP-Method-Override"

// overridden returns the request that is meant by a POST with the header of another
// method, as clients send it through proxies that know few methods, and for a GET whose
// query is too long for an address. The query of such a GET may be a form.
func overridden(r *http.Request) (*http.Request, error) {
	methods := r.Header.Values(methodOverride)
	if len(methods) == 0 {
		return r, checkBody(r)
	}
	meant := *r
	meant.Method = methods[0]
	known := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	switch form := isForm(r.Header); {
	case len(methods) > 1 || !slices.Contains(known, methods[0]):
		return nil, runwith.Errorf(runwith.InvalidArgument, "%s: must be one of GET, POST, PUT, PATCH and DELETE, not %.80q", methodOverride, methods)
	case r.Method != http.MethodPost:
		return nil, runwith.Errorf(runwith.InvalidArgument, "%s: is only for POST, not for %s", methodOverride, r.Method)
	case form && meant.Method != http.MethodGet:
		return nil, runwith.Errorf(runwith.InvalidArgument, "body: a form is only for GET, send JSON")
	case !form:
		return &meant, checkBody(&meant)
	}
	return withForm(&meant)
}

// checkBody refuses a body that is not JSON. The guard also admits those that only some
// requests may have.
func checkBody(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	if refusal := guard.CheckJSON(r.Header); refusal != nil {
		return refusal
	}
	return nil
}

func isForm(h http.Header) bool {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && mediaType == "application/x-www-form-urlencoded"
}

// withForm moves the form in the body of a request to its query.
func withForm(r *http.Request) (*http.Request, error) {
	form, err := readAll(r.Body)
	if err != nil {
		return nil, err
	}
	u := *r.URL
	if u.RawQuery != "" && len(form) > 0 {
		u.RawQuery += "&"
	}
	u.RawQuery += string(form)
	r.URL, r.Body, r.ContentLength = &u, http.NoBody, 0
	return r, nil
}
