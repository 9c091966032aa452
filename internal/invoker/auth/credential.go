package auth

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

// credentialOf returns the credential of a request, or "" if it has none. A request has at
// most one, in the header Authorization.
//
// See https://www.rfc-editor.org/rfc/rfc6750#section-2.
func credentialOf(r *http.Request) (string, *refusal) {
	if why := checkURL(r); why != nil {
		return "", why
	}
	return bearer(r.Header, "Authorization")
}

// CheckURL refuses a request with a credential in its URL: logs and histories keep URLs.
func CheckURL(r *http.Request) error {
	if why := checkURL(r); why != nil {
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

// checkURL refuses a credential in the URL: an API key anywhere in it, or a parameter of the
// query with the name of a credential. It also reads what net/url's ParseQuery refuses.
func checkURL(r *http.Request) *refusal {
	if r.URL == nil {
		return nil
	}
	id, found := findKey(unescape(cmp.Or(r.RequestURI, r.URL.RequestURI())))
	for parameter := range strings.FieldsFuncSeq(r.URL.RawQuery, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(unescape(parameter), "=")
		switch strings.ToLower(name) {
		case "access_token", "id_token", "api_key", "apikey", "api-key", "authorization":
			found = true
		}
	}
	if !found {
		return nil
	}
	return refuse(reasonSeveral, runwith.InvalidArgument,
		"the URL has a credential, and logs keep URLs: replace it by a new one, and send that in the header Authorization: Bearer CREDENTIAL").of(id)
}

// unescape decodes percent-encoded bytes, and leaves malformed ones as they are.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if i+2 < len(text) && text[i] == '%' {
			if c, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}
