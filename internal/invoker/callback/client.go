package callback

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

const (
	// defaultTimeout bounds an attempt, from dialling to the answer's header.
	defaultTimeout = 20 * time.Second
	dialTimeout    = 10 * time.Second
	// drainBytes and drainTime bound the part of an answer's body that a client reads and
	// discards so that the connection can be used again.
	drainBytes = 16 << 10
	drainTime  = time.Second
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 64 << 10
)

// client makes attempts. Its methods may be called concurrently.
type client struct {
	https, plain *http.Client // plain calls only allowed ranges, without TLS
	timeout      time.Duration
	agent        string
	now          func() time.Time // by the store's clock
}

// dialing is how a client finds and trusts receivers. The zero value uses the system's
// resolver and certificate authorities.
type dialing struct {
	resolver *net.Resolver
	roots    *x509.CertPool
}

func newClient(c *checker, timeout time.Duration, version string, d dialing) *client {
	return &client{
		https: d.client(c, false), plain: d.client(c, true), timeout: timeout,
		agent: "runwith/" + version, now: time.Now,
	}
}

// client returns an HTTP client without a proxy, which would dial in its place, and without
// redirects, which could lead anywhere.
func (d dialing) client(c *checker, onlyAllowed bool) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: d.resolver, Control: c.control(onlyAllowed)}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.roots},
			TLSHandshakeTimeout:    dialTimeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    maxBusy,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// attempt sends a delivery once.
func (c *client) attempt(ctx context.Context, to target, d ledger.Delivery) outcome {
	u, err := url.Parse(to.url)
	if err != nil {
		return outcome{reason: "the URL is malformed"}
	}
	sending, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(sending, http.MethodPost, to.url, bytes.NewReader(d.Payload))
	if err != nil {
		return outcome{reason: "the URL is malformed"}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", c.agent)
	sign(r.Header, to.secrets, d.ID, c.now(), d.Payload)
	by := c.https
	if u.Scheme == "http" {
		by = c.plain
	}
	response, err := by.Do(r)
	if err != nil {
		return unanswered(ctx, err, c.timeout)
	}
	if response.StatusCode == http.StatusSwitchingProtocols {
		_ = response.Body.Close() // it is the connection itself, whose reads no context ends
	} else {
		discard(response.Body, cancel)
	}
	return answered(response, c.now())
}

// discard reads a short body, and leaves a long or slow one.
func discard(body io.ReadCloser, cancel context.CancelFunc) {
	timer := time.AfterFunc(drainTime, cancel)
	defer timer.Stop()
	_, _ = io.CopyN(io.Discard, body, drainBytes) // the answer counts already
	_ = body.Close()
}

// close closes the connections that are not in use.
func (c *client) close() {
	c.https.CloseIdleConnections()
	c.plain.CloseIdleConnections()
}
