package session

import (
	"net"
	"net/http"

	"github.com/runwith/runwith/internal/guard"
)

// The cookies.
const (
	sessionCookie = "session"
	visitorCookie = "visitor"
)

// cookieName returns the name of a cookie on the server that a request asks for. Browsers send a
// cookie to all ports of a host, so the name has the port: two servers on one machine do not
// overwrite each other's. __Host- makes browsers refuse a cookie that another host has set.
func cookieName(r *http.Request, what string) string {
	name := "runwith-" + what
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "-" + port
	}
	if overTLS(r) {
		return "__Host-" + name
	}
	return name
}

// overTLS reports whether the visitor's browser speaks TLS, here or at a proxy. A client that lies
// about that changes only its own cookies.
func overTLS(r *http.Request) bool { return guard.Scheme(r) == "https" }

// cookieOf returns the value of a cookie, or "".
func cookieOf(r *http.Request, what string) string {
	c, err := r.Cookie(cookieName(r, what))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie for so many seconds; 0 is until the browser ends, and less than 0 now.
func setCookie(w http.ResponseWriter, r *http.Request, what, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r, what), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: overTLS(r), SameSite: http.SameSiteStrictMode,
	})
}
