package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/api/partial"
	"github.com/runwith/runwith/internal/jobspec"
)

// system are the parameters that every method of Google's REST APIs has.
// https://cloud.google.com/apis/docs/system-parameters
type system struct {
	encoding
	mask     *partial.Mask // of the answer
	maskName string        // the parameter or header that has it
}

// The reasons why system parameters are refused.
const (
	noScripts  = "answers are never scripts, leave it out"
	noUploads  = "no method here takes an upload, leave it out"
	noOverride = "is not served, send the header X-HTTP-Method-Override"
	noType     = "is not served, send the header Content-Type"
)

// parseQuery returns the parameters of a query. A semicolon is part of a value, as in
// $alt=json;enum-encoding=int. Go would drop the parameter.
func parseQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
	if err != nil {
		return nil, runwith.Errorf(runwith.InvalidArgument, "query: %v", err)
	}
	for name, values := range query {
		for _, text := range append(values, name) {
			if !utf8.ValidString(text) {
				return nil, runwith.Errorf(runwith.InvalidArgument, "query: %s is not valid UTF-8", jobspec.Quote(name))
			}
		}
	}
	return query, nil
}

// systemParameters removes the system parameters from a query, and returns the others,
// which are fields of the request. Those that identify a caller have no effect, because
// there are no keys and quotas; [Server.ServeHTTP] reads tokens.
func systemParameters(r *http.Request, query url.Values) (system, url.Values, error) {
	s := system{encoding: encoding{pretty: true}}
	rest := url.Values{}
	for name, values := range query {
		set, known := s.parameter(strings.TrimPrefix(name, "$"))
		if !known {
			rest[name] = values
			continue
		}
		if len(values) != 1 {
			return s, nil, runwith.Errorf(runwith.InvalidArgument, "%s: takes one value, not %d", name, len(values))
		}
		if err := set(name, values[0]); err != nil {
			return s, nil, err
		}
	}
	return s, rest, s.readHeader(r.Header)
}

// parameter returns the function that reads a system parameter. Most names may begin with
// a dollar sign.
func (s *system) parameter(name string) (set func(name, value string) error, known bool) {
	switch name {
	case "alt":
		return s.setAlt, true
	case "prettyPrint":
		return s.setPretty, true
	case "fields":
		return s.setMask, true
	case ".xgafv":
		return checkErrorFormat, true
	case "key", "access_token", "oauth_token", "quotaUser", "userProject":
		return func(string, string) error { return nil }, true
	case "callback":
		return refuseParameter(noScripts), true
	case "uploadType", "upload_protocol", "uploadProtocol":
		return refuseParameter(noUploads), true
	case "httpMethod":
		return refuseParameter(noOverride), true
	case "ct":
		return refuseParameter(noType), true
	}
	return nil, false
}

func refuseParameter(why string) func(name, value string) error {
	return func(name, _ string) error { return runwith.Errorf(runwith.InvalidArgument, "%s: %s", name, why) }
}

// setAlt reads the format of the answer. Google's Go client adds enum-encoding=int.
func (s *system) setAlt(name, value string) error {
	format, option, _ := strings.Cut(value, ";")
	if format != "json" || option != "" && option != "enum-encoding=int" {
		return runwith.Errorf(runwith.InvalidArgument, "%s: must be json or json;enum-encoding=int, not %.80q", name, value)
	}
	s.enumNumbers = s.enumNumbers || option != ""
	return nil
}

func (s *system) setPretty(name, value string) (err error) {
	if s.pretty, err = strconv.ParseBool(value); err != nil {
		return runwith.Errorf(runwith.InvalidArgument, "%s: must be true or false, not %.80q", name, value)
	}
	return nil
}

// checkErrorFormat accepts the format of errors that is the default.
func checkErrorFormat(name, value string) error {
	if value != "2" {
		return runwith.Errorf(runwith.InvalidArgument, "%s: must be 2 or left out, not %.80q: errors have one format", name, value)
	}
	return nil
}

func (s *system) setMask(name, value string) error {
	mask, err := partial.Parse(value)
	switch {
	case err != nil:
		return runwith.Errorf(runwith.InvalidArgument, "%s: %v", name, err)
	case s.mask != nil && mask != nil:
		return runwith.Errorf(runwith.InvalidArgument, "%s: the request has another mask of fields, send one of them", name)
	case mask != nil:
		s.mask, s.maskName = mask, name
	}
	return nil
}

// maskHeader is the header of a mask of fields, over REST and gRPC.
const maskHeader = "X-Goog-FieldMask"

func (s *system) readHeader(h http.Header) error {
	values := h.Values(maskHeader)
	if len(values) > 1 {
		return runwith.Errorf(runwith.InvalidArgument, "%s: takes one value, not %d", maskHeader, len(values))
	}
	return s.setMask(maskHeader, strings.Join(values, ""))
}

// token returns the token in the query of a request without the header for one.
func token(r *http.Request) http.Header {
	if r.Header.Get("Authorization") != "" || r.URL.RawQuery == "" {
		return r.Header
	}
	query := r.URL.Query()
	for _, name := range []string{"access_token", "oauth_token"} {
		if sent := query.Get(name); sent != "" {
			h := r.Header.Clone()
			h.Set("Authorization", "Bearer "+sent)
			return h
		}
	}
	return r.Header
}
