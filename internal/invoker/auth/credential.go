package auth

import (
	"net/http"
	"strings"

	"github.com/runwith/runwith"
)

// credentialOf returns the credential of a request, or "" if it has none. A request has at
// most one, in the header Authorization.
//
// See https://www.rfc-editor.org/rfc/rfc6750#section-2.
func credentialOf(r *http.Request) (string, *refusal) {
	if why := checkQuery(r); why != nil {
		return "", why
	}
	return bearer(r.Header, "Authorization")
}

// CheckURL refuses a request with a credential in its URL: logs and histories keep URLs.
func CheckURL(r *http.Request) error {
	if why := checkQuery(r); why != nil {
		return why.err
	}
	return nil
}

// bearer returns the credential in a header, or "" if there is no such header.
func bearer(h http.Header, name string) (string, *refusal) {
	values := h[name]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", several(name)
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	credential = strings.Trim(credential, " ")
	switch {
	case strings.ContainsAny(credential, ", "):
		return "", several(name)
	case !strings.EqualFold(scheme, "Bearer") || credential == "":
		return "", refuse(reasonMalformed, runwith.Unauthenticated, "the header must be %s: Bearer CREDENTIAL, with an API key or an ID token", name)
	}
	return credential, nil
}

func several(header string) *refusal {
	return refuse(reasonSeveral, runwith.InvalidArgument, "the request has more than one credential in %s: send one", header)
}

// checkQuery refuses a credential in the URL.
func checkQuery(r *http.Request) *refusal {
	if r.URL == nil || r.URL.RawQuery == "" {
		return nil
	}
	for name, values := range r.URL.Query() {
		for _, value := range values {
			id, isKey := KeyID(value)
			switch strings.ToLower(name) {
			case "access_token", "id_token", "api_key", "apikey", "api-key", "authorization":
				isKey = true
			}
			if isKey {
				return refuse(reasonSeveral, runwith.InvalidArgument,
					"the URL has a credential, and logs keep URLs: replace it by a new one, and send that in the header Authorization: Bearer CREDENTIAL").of(id)
			}
		}
	}
	return nil
}
