package guard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/runwith/runwith"
)

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
		if !sameOrigin(origin, r.Host) {
			return runwith.Errorf(runwith.PermissionDenied,
				"origin %q is not that of host %q; web pages of another origin are not served", origin, r.Host)
		}
	}
	return nil
}

// sameOrigin reports whether host serves the pages of origin. It ignores the scheme,
// because a proxy in front of this server may terminate TLS.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return false // "null", among others
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
