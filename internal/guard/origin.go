package guard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/runwith/runwith"
)

// checkOrigin refuses what a browser sends on behalf of another origin's page.
// [http.CrossOriginProtection] would let GET, HEAD and OPTIONS pass: here a
// preflight gets no answer, and a GET from elsewhere has no business either.
//
// Browsers send Sec-Fetch-Site to loopback addresses also over plain HTTP, and
// Origin with everything but a plain GET. Clients that are no browsers send
// neither.
func checkOrigin(r *http.Request) *runwith.Error {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return runwith.Errorf(runwith.PermissionDenied,
				"a web page of another origin sent this request (Sec-Fetch-Site: %q); open the address itself, or send the request from a program", site)
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		if !sameOrigin(origin, r.Host) {
			return runwith.Errorf(runwith.PermissionDenied,
				"origin %q is not that of host %q; web pages of another origin are not served", origin, r.Host)
		}
	}
	return nil
}

// sameOrigin reports whether origin is a page's that host serves. The scheme
// cannot be compared: what stands before this server may have ended TLS.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false // "null" among them
	}
	var defaultPort string
	switch u.Scheme {
	case "http":
		defaultPort = ":80"
	case "https":
		defaultPort = ":443"
	default:
		return false
	}
	return strings.EqualFold(strings.TrimSuffix(u.Host, defaultPort), strings.TrimSuffix(host, defaultPort))
}
