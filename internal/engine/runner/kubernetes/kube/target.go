package kube

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/time/rate"
)

// Defaults of [Options].
const (
	DefaultRate  = 50  // requests a second
	DefaultBurst = 100 // requests
)

// target is a cluster, a user of it and a namespace in it.
type target struct {
	cluster, user string // for messages
	namespace     string
	server        string
	tls           tlsOptions
	proxy         string // URL; empty is what the environment says
	credentials   credentials
	header        http.Header // impersonation
}

// client returns a client of the target.
func (t *target) client(o Options) (*Client, error) {
	server, err := t.address()
	if err != nil {
		return nil, err
	}
	transport, err := t.transport(o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.cluster, err)
	}
	return &Client{
		Server: server, Namespace: cmp.Or(t.namespace, "default"),
		HTTP: &http.Client{
			Transport: transport,
			// The API server sends no redirects, and another host must not get the credentials.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		cluster: t.cluster, user: t.user, logger: o.Logger,
		requests: newLimit(o), logs: newLimit(o),
	}, nil
}

// address returns the server's URL without a slash at its end.
func (t *target) address() (string, error) {
	if t.server == "" {
		return "", fmt.Errorf("%s has no server", t.cluster)
	}
	server := t.server
	if !strings.Contains(server, "://") {
		server = "https://" + server
	}
	u, err := url.Parse(server)
	if err == nil && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		err = errors.New("must be a URL such as https://HOST:6443")
	}
	if err != nil {
		return "", fmt.Errorf("%s: server %q: %w", t.cluster, t.server, err)
	}
	return strings.TrimRight(server, "/"), nil
}

// newLimit returns the limit of the options, or nil for none.
func newLimit(o Options) *rate.Limiter {
	if o.Rate < 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(cmp.Or(o.Rate, DefaultRate)), cmp.Or(o.Burst, DefaultBurst))
}
