package callback

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
)

// Reach connects to the endpoint at a URL as a delivery would, with TLS for https, and sends
// nothing. Its error is why no delivery could arrive.
func Reach(ctx context.Context, endpoint string, allowed Allowed) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("the URL is malformed")
	}
	dialer := &net.Dialer{Control: newChecker(allowed).control(u.Scheme == "http")}
	if u.Scheme == "http" {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")))
		if err != nil {
			return err
		}
		return conn.Close()
	}
	secure := tls.Dialer{NetDialer: dialer, Config: &tls.Config{MinVersion: tls.VersionTLS12}}
	conn, err := secure.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")))
	if err != nil {
		return err
	}
	return conn.Close()
}
