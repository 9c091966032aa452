package callback

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxURL bounds the length of a URL, in bytes.
const maxURL = 2000

// metadataHosts are the names of metadata servers.
func metadataHosts() []string {
	return []string{"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
}

// parseURL reads the URL of an endpoint. It refuses what no endpoint needs: credentials and
// fragments, addresses with a zone, and schemes other than https. http is for addresses in
// an allowed range, and the dialer refuses others.
func (c *checker) parseURL(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("is longer than %d bytes", maxURL)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, errors.New("must not contain spaces, control characters or backslashes")
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return nil, errors.New("must be a URL such as https://api.example.com/hooks/runwith")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must begin with https://")
	case u.User != nil:
		return nil, errors.New("must not contain a user or a password")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("must not contain a fragment (#)")
	}
	if err := c.checkHost(u); err != nil {
		return nil, err
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errors.New("must have a port from 1 to 65535, or none")
		}
	}
	return u, nil
}

// checkHost refuses hosts that cannot be called whatever they resolve to.
func (c *checker) checkHost(u *url.URL) error {
	host := hostname(u)
	if strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return errors.New("must have a host in ASCII: write a name with other letters in the form that begins with xn--")
	}
	if slices.Contains(metadataHosts(), host) {
		return fmt.Errorf("host %s is not allowed: it is a metadata server", host)
	}
	plain := u.Scheme == "http"
	if plain && len(c.allowed) == 0 {
		return errors.New("must begin with https://; http is only for private addresses that --callback-allow opens")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return c.check(addr, plain)
	}
	return nil // a name, whose addresses the dialer checks
}

// hostname returns the host of a URL as names are compared.
func hostname(u *url.URL) string {
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}

// port returns the port of a URL.
func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// opened reports whether the operator has opened the host of a URL by its address. localhost
// counts as 127.0.0.1.
func (c *checker) opened(u *url.URL) bool {
	host := hostname(u)
	if host == "localhost" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && c.check(addr, true) == nil
}

// ShownURL returns a URL as people see it: without the values of its query, a user and a
// fragment, which may be tokens.
func ShownURL(text string) string {
	shown := withoutSecrets(text)
	if _, query, _ := strings.Cut(text, "?"); query != "" && shown != "" {
		shown += "?***"
	}
	return shown
}

// withoutSecrets returns a URL without its query, user and fragment, or "" if it is none.
func withoutSecrets(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return u.String()
}
