package kube

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// How long parts of a connection may take.
const (
	dialTimeout = 10 * time.Second
	idleTimeout = 90 * time.Second
	pingAfter   = 30 * time.Second // a connection that is silent for so long is asked
	pingTimeout = 15 * time.Second // whether it is there, and has so long to answer
)

// streamBuffer is how much of an answer that nobody reads yet is kept, in bytes. net/http
// keeps 4 MiB, which is too much when hundreds of logs are followed.
const streamBuffer = 256 << 10

// tlsOptions say how the server proves who it is.
type tlsOptions struct {
	authority *source // certificates in PEM; nil trusts the system's
	insecure  bool    // trusts every server
	name      string  // the name in the server's certificate; empty is the host's
}

// transport sends requests to a target with its credentials.
type transport struct {
	tls         tlsOptions
	proxy       func(*http.Request) (*url.URL, error)
	credentials credentials
	header      http.Header

	// Connections are made anew when what they were made with changes. Streams on the
	// earlier ones go on.
	mu          sync.Mutex
	connections *http.Transport
	certificate *tls.Certificate
	authority   []byte
}

// transport returns the transport of a target. It is an error if the files that it needs
// are not there or not valid.
func (t *target) transport(o Options) (*transport, error) {
	made := &transport{tls: t.tls, proxy: http.ProxyFromEnvironment, credentials: t.credentials, header: t.header.Clone()}
	if made.header == nil {
		made.header = http.Header{}
	}
	made.header.Set("User-Agent", "runwith/"+cmp.Or(o.Version, "unknown"))
	if t.proxy != "" {
		proxy, err := parseProxy(t.proxy)
		if err != nil {
			return nil, err
		}
		made.proxy = http.ProxyURL(proxy)
	}
	if t.tls.insecure && t.tls.authority != nil {
		return nil, errors.New("certificate-authority and insecure-skip-tls-verify are both set: remove one")
	}
	_, err := made.connect(nil)
	return made, err
}

// RoundTrip sends a request. If the server does not accept the credential, it sends the
// request once more with the next one: the server has done nothing then.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, used, err := t.send(r)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || !t.credentials.refused(used) {
		return answer, err
	}
	again := r.Clone(r.Context())
	if r.GetBody != nil {
		if again.Body, err = r.GetBody(); err != nil {
			return answer, nil //nolint:nilerr // the refusal is the answer, and it stands
		}
	}
	_ = answer.Body.Close()
	answer, _, err = t.send(again)
	return answer, err
}

// send sends a request once.
func (t *transport) send(r *http.Request) (*http.Response, credential, error) {
	c, err := t.credentials.get(r.Context())
	if err != nil {
		closeBody(r)
		return nil, c, err
	}
	connections, err := t.connect(c.certificate)
	if err != nil {
		closeBody(r)
		return nil, c, err
	}
	r = r.Clone(r.Context())
	maps.Copy(r.Header, t.header)
	if c.authorization != "" {
		r.Header.Set("Authorization", c.authorization)
	}
	answer, err := connections.RoundTrip(r)
	return answer, c, err
}

// closeBody does what a RoundTripper must do with a request that it does not send.
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// connect returns the connections to the server with a client certificate, or without one.
func (t *transport) connect(certificate *tls.Certificate) (*http.Transport, error) {
	var authority []byte
	if t.tls.authority != nil {
		var err error
		if authority, err = t.tls.authority.read(); err != nil {
			return nil, fmt.Errorf("read certificate-authority: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.connections != nil && t.certificate == certificate && bytes.Equal(t.authority, authority) {
		return t.connections, nil
	}
	config, err := t.config(certificate, authority)
	if err != nil {
		return nil, err
	}
	if t.connections != nil {
		t.connections.CloseIdleConnections()
	}
	t.connections, t.certificate, t.authority = newConnections(config, t.proxy), certificate, authority
	return t.connections, nil
}

// config returns how to speak TLS.
func (t *transport) config(certificate *tls.Certificate, authority []byte) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.tls.name, InsecureSkipVerify: t.tls.insecure} //nolint:gosec // the kubeconfig asks for it by name
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	if authority != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authority) {
			return nil, errors.New("certificate-authority has no certificate in PEM")
		}
	}
	return config, nil
}

// newConnections returns connections that notice a server that is gone. There is no limit
// on the time to an answer here, because a log that is followed may be silent for hours.
func newConnections(config *tls.Config, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: pingAfter}
	return &http.Transport{
		Proxy: proxy, OnProxyConnectResponse: checkProxy, DialContext: dialer.DialContext, TLSClientConfig: config,
		TLSHandshakeTimeout: dialTimeout, IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: DefaultBurst,
		ForceAttemptHTTP2: true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: pingAfter, PingTimeout: pingTimeout, WriteByteTimeout: pingAfter,
			MaxReceiveBufferPerStream: streamBuffer,
		},
	}
}
