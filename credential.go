package runwith

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// APIKey returns a [Client.Credential] that always sends this key.
func APIKey(key string) func(context.Context) (string, error) {
	key = strings.TrimSpace(key)
	return func(context.Context) (string, error) { return key, nil }
}

// authorize adds the credential to a request, and returns the client that sends it there
// and nowhere else.
func (c *Client) authorize(r *http.Request) (*http.Client, error) {
	client := cmp.Or(c.HTTPClient, http.DefaultClient)
	if c.Credential == nil {
		return client, nil
	}
	if !c.SendCredentialInClear && !private(r.URL) {
		return nil, Errorf(FailedPrecondition,
			"server %s: the credential would cross the network in clear text; use an https URL, or allow it (--allow-plain-http, Client.SendCredentialInClear)", r.URL.Host)
	}
	credential, err := c.Credential(r.Context())
	if err != nil {
		return nil, credentialError(r.Context(), err)
	}
	if strings.ContainsFunc(credential, func(c rune) bool { return c <= ' ' || c > '~' }) || credential == "" {
		return nil, Errorf(InvalidArgument, "credential: must be an API key or an ID token, without spaces and line breaks")
	}
	r.Header.Set("Authorization", "Bearer "+credential)
	return only(client, r.URL), nil
}

// private reports whether a request to u is encrypted or stays on this machine.
func private(u *url.URL) bool {
	if u.Scheme == "https" || strings.EqualFold(u.Hostname(), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.Unmap().IsLoopback()
}

// credentialError returns the error of a source of credentials.
func credentialError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return contextError(ctx, err)
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: Unauthenticated, Message: "get a credential: " + err.Error(), Err: err}
}

// only returns a client that does not follow a redirect to another server, which would get
// the credential.
func only(client *http.Client, server *url.URL) *http.Client {
	own := *client
	own.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != server.Scheme || r.URL.Host != server.Host {
			return http.ErrUseLastResponse
		}
		if client.CheckRedirect != nil {
			return client.CheckRedirect(r, via)
		}
		if len(via) >= maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &own
}

// maxRedirects is how many redirects a request with a credential follows.
const maxRedirects = 5
