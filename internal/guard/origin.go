package guard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/runwith/runwith"
)

// isLink reports whether a browser opens a whole page, as it does for a link or a typed address.
// Such a request changes nothing, and the page that has the link cannot read the answer.
func isLink(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		r.Header.Get("Origin") == ""
}

// checkOrigin refuses requests that a browser sends for a page of another origin.
// [http.CrossOriginProtection] would admit GET, HEAD and OPTIONS. Here a preflight request
// gets no answer, and other origins have no reason to send a GET either.
//
// Browsers send Sec-Fetch-Site to loopback addresses even over plain HTTP, and Origin with
// everything but a plain GET. Other clients send neither.
func checkOrigin(r *http.Request) *runwith.Error {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return runwith.Errorf(runwith.PermissionDenied,
				"a web page of another origin sent this request (Sec-Fetch-Site: %q); open the address itself, or send the request from a program", site)
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		if own := Scheme(r) + "://" + r.Host; !sameOrigin(origin, own) {
			return runwith.Errorf(runwith.PermissionDenied,
				"origin %q is not %q; web pages of another origin are not served. A proxy that ends TLS must send X-Forwarded-Proto", origin, own)
		}
	}
	return nil
}

// Scheme returns the scheme of the page that a request's sender sees. A proxy in front
// of this server may end TLS and then tells the scheme, as Cloud Run does. No web page can
// send its header unasked.
func Scheme(r *http.Request) string {
	told, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	switch {
	case told != "":
		return strings.ToLower(strings.TrimSpace(told))
	case r.TLS != nil:
		return "https"
	}
	return "http"
}

// sameOrigin reports whether two origins are the same.
func sameOrigin(origin, own string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false // "null", among others
	}
	defaultPort, ok := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return ok && strings.EqualFold(strings.TrimSuffix(origin, defaultPort), strings.TrimSuffix(own, defaultPort))
}
