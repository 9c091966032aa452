package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	fetchTimeout  = 10 * time.Second
	maxDocument   = 512 << 10
	maxHeader     = 64 << 10
	maxKeys       = 100
	maxRedirects  = 3
	discoveryPath = "/.well-known/openid-configuration"

	// Keys are read again when their Cache-Control says, within these limits.
	minLifetime, defaultLifetime, maxLifetime = time.Minute, 10 * time.Minute, 24 * time.Hour
)

// newClient returns the client that reads documents of issuers. It has timeouts, and
// follows redirects only on the same server. A nil transport is Go's default.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		own := &http.Transport{Proxy: http.ProxyFromEnvironment}
		if standard, ok := http.DefaultTransport.(*http.Transport); ok {
			own = standard.Clone()
		}
		own.MaxResponseHeaderBytes = maxHeader
		own.MaxIdleConnsPerHost = 1
		transport = own
	}
	return &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if from := via[0].URL; r.URL.Scheme != from.Scheme || r.URL.Host != from.Host {
			return fmt.Errorf("it redirects to another server, %s://%s", r.URL.Scheme, r.URL.Host)
		}
		if len(via) > maxRedirects {
			return errors.New("it redirects too often")
		}
		return nil
	}}
}

// fetchKeys reads the keys of an issuer, and how long they may be kept.
func fetchKeys(ctx context.Context, client *http.Client, issuer string) ([]jose.JSONWebKey, time.Duration, error) {
	address, err := keysAddress(ctx, client, issuer)
	if err != nil {
		return nil, 0, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	header, err := fetch(ctx, client, address, &set)
	if err != nil {
		return nil, 0, err
	}
	keys := usable(set.Keys)
	if len(keys) == 0 {
		return nil, 0, errors.New("it publishes no key that can verify a signature")
	}
	return keys, lifetime(header), nil
}

// keysAddress returns where an issuer publishes its keys: what its discovery document says, or
// [IAPKeys].
//
// See https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig.
func keysAddress(ctx context.Context, client *http.Client, issuer string) (string, error) {
	if IsIAP(issuer) {
		return IAPKeys, nil
	}
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if _, err := fetch(ctx, client, strings.TrimSuffix(issuer, "/")+discoveryPath, &about); err != nil {
		return "", err
	}
	if about.Issuer != issuer {
		return "", fmt.Errorf("its discovery document is that of another issuer, %s", quote(about.Issuer))
	}
	if !callable(about.Keys, issuer) {
		return "", fmt.Errorf("its jwks_uri must be an https URL, not %s", quote(about.Keys))
	}
	return about.Keys, nil
}

// callable reports whether keys may be read at an address: https, or http on this machine
// for an issuer on this machine.
func callable(address, issuer string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) && strings.HasPrefix(issuer, "http:")
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// fetch reads a JSON document.
func fetch(ctx context.Context, client *http.Client, address string, into any) (http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return nil, err // names the address
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", address, err)
	case len(body) > maxDocument:
		return nil, fmt.Errorf("%s is larger than %d bytes", address, maxDocument)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("%s is not the expected JSON: %w", address, err)
	}
	return response.Header, nil
}

// usable returns the public keys that can verify signatures. It skips others, which an
// issuer may publish for other purposes.
func usable(raw []json.RawMessage) (keys []jose.JSONWebKey) {
	for _, one := range raw {
		var key jose.JSONWebKey
		if len(keys) < maxKeys && json.Unmarshal(one, &key) == nil && verifies(key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// lifetime returns how long an answer may be kept.
// https://www.rfc-editor.org/rfc/rfc9111#section-4.2
func lifetime(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(strings.ToLower(h.Get("Cache-Control")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return minLifetime
		case "max-age":
			seconds, err := strconv.Atoi(strings.Trim(value, `"`))
			if err != nil || seconds < 0 {
				return minLifetime
			}
			age, _ := strconv.Atoi(h.Get("Age")) // without one, 0
			left := time.Duration(min(seconds, int(maxLifetime/time.Second))-max(age, 0)) * time.Second
			return min(max(left, minLifetime), maxLifetime)
		}
	}
	return defaultLifetime
}
