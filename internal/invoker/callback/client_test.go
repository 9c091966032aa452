package callback

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// receiver serves a handler with TLS. It returns its URL, and a client that trusts it and may
// call loopback addresses.
func receiver(t *testing.T, timeout time.Duration, handler http.HandlerFunc) (string, *client) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := newClient(newChecker(allow(t, "127.0.0.0/8")), timeout, "v1", dialing{roots: roots})
	t.Cleanup(c.close)
	return server.URL, c
}

func send(t *testing.T, c *client, url string) outcome {
	t.Helper()
	return c.attempt(t.Context(), target{url, secrets(t)}, event("evt_1", "docs"))
}

func TestAttempt(t *testing.T) {
	t.Parallel()
	secret := NewSecret()
	private, public := NewKeyPair()
	url, c := receiver(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != body {
			t.Errorf("received body %q, %v", got, err)
		}
		wh, _ := standardwebhooks.NewWebhook(secret)
		if err := wh.Verify(got, r.Header); err != nil {
			t.Errorf("the official library refuses the callback: %v", err)
		}
		for _, key := range []string{secret, public} {
			if e, err := runwith.VerifyCallback(r.Header, got, key); err != nil || e.ID != "evt_1" || e.Type != runwith.EventFailed {
				t.Errorf("VerifyCallback() = %+v, %v", e, err)
			}
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.UserAgent() != "runwith/v1" {
			t.Errorf("received %s with header %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	to := target{url + "/hook", []Secret{mustParse(t, secret), mustParse(t, private)}}
	if o := c.attempt(t.Context(), to, event("evt_1", "docs")); !o.ok() || o.status != http.StatusAccepted {
		t.Errorf("attempt() = %+v, want success with 202", o)
	}
}

func TestAttemptFailures(t *testing.T) {
	t.Parallel()
	var followed atomic.Bool
	url, c := receiver(t, time.Second, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has left
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/followed", http.StatusTemporaryRedirect)
		case "/followed":
			followed.Store(true)
		case "/hang":
			<-r.Context().Done()
		case "/header":
			w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
		case "/abort":
			panic(http.ErrAbortHandler)
		default:
			status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "the body is a secret")
		}
	})
	for path, want := range map[string]struct {
		status    int
		reason    string
		throttled bool
	}{
		"/redirect": {307, "redirects are not followed", false},
		"/304":      {304, "redirects are not followed", false},
		"/hang":     {0, "no answer within 1s", false},
		"/header":   {0, "", false},
		"/abort":    {0, "", false},
		"/400":      {400, "answered 400 Bad Request", false},
		"/410":      {410, "answered 410 Gone", false},
		"/429":      {429, "answered 429 Too Many Requests", true},
		"/500":      {500, "answered 500 Internal Server Error", false},
		"/502":      {502, "answered 502 Bad Gateway", true},
		"/503":      {503, "answered 503 Service Unavailable", true},
		"/504":      {504, "answered 504 Gateway Timeout", true},
	} {
		o := send(t, c, url+path)
		if o.ok() {
			t.Errorf("attempt() to %s succeeded", path)
		}
		if o.status != want.status {
			t.Errorf("attempt() to %s: status = %d, want %d", path, o.status, want.status)
		}
		if !strings.Contains(o.reason, want.reason) {
			t.Errorf("attempt() to %s: reason = %q, want %q in it", path, o.reason, want.reason)
		}
		if o.throttled() != want.throttled {
			t.Errorf("attempt() to %s: throttled = %t, want %t", path, o.throttled(), want.throttled)
		}
		if strings.Contains(o.reason, "secret") || strings.Contains(o.reason, url) {
			t.Errorf("attempt() to %s: the reason contains the answer's body or the URL: %s", path, o.reason)
		}
		if want.status >= 400 && o.retryAfter != 7*time.Second {
			t.Errorf("attempt() to %s: Retry-After = %v, want 7s", path, o.retryAfter)
		}
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func TestAttemptWithBadCertificate(t *testing.T) {
	t.Parallel()
	url, _ := receiver(t, time.Minute, func(http.ResponseWriter, *http.Request) {
		t.Error("a receiver without a valid certificate got the event")
	})
	c := newClient(newChecker(allow(t, "127.0.0.0/8")), time.Minute, "v1", dialing{}) // does not trust it
	defer c.close()
	if o := send(t, c, url); o.ok() || !strings.Contains(o.reason, "certificate") {
		t.Errorf("attempt() = %+v, want a failure that names the certificate", o)
	}
}

// An answer of 1 GiB, or one that drips for ever, counts by its status, and costs neither
// memory nor time.
func TestAttemptWithEndlessAnswer(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	url, c := receiver(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has left
		if r.URL.Path == "/large" {
			block := make([]byte, 1<<20)
			for range 1 << 10 {
				n, err := w.Write(block)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
			return
		}
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	for _, path := range []string{"/large", "/drip"} {
		begin := time.Now()
		if o := send(t, c, url+path); !o.ok() || o.status != http.StatusOK {
			t.Errorf("attempt() to %s = %+v, want success", path, o)
		}
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("attempt() to %s took %v", path, took)
		}
	}
	if sent.Load() > 64<<20 {
		t.Errorf("%d bytes of the answer were sent, want few", sent.Load())
	}
}

// Connections are used again, and none is left behind.
func TestAttemptsShareConnections(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c := newClient(newChecker(allow(t, "127.0.0.1")), time.Minute, "v1", dialing{})
	defer c.close()
	for range 20 {
		if o := send(t, c, server.URL); !o.ok() {
			t.Fatalf("attempt() = %+v", o)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("20 attempts took %d connections, want 1", n)
	}
}

// Receivers that hang, drip, abort and redirect leave no goroutine behind.
func TestNoGoroutineLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	stop := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server notices that the client has left
		switch r.URL.Path {
		case "/0":
			select {
			case <-r.Context().Done():
			case <-stop:
			}
		case "/1":
			for r.Context().Err() == nil {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 10))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Millisecond)
			}
		case "/2":
			panic(http.ErrAbortHandler)
		case "/3":
			http.Redirect(w, r, "/0", http.StatusFound)
		}
	}))
	m := newMemory()
	r := Rules{Allowed: allow(t, "127.0.0.1")}
	for i := range 5 {
		name := strconv.Itoa(i)
		r.Endpoints = append(r.Endpoints, Endpoint{Name: name, URL: server.URL + "/" + name, Secrets: secrets(t)})
		m.add(events1toN(name, 20)...)
	}
	s, err := Open(t.Context(), Config{Store: m, Endpoints: mustNew(t, r), Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.Deliver(t.Context())
	if n := m.count(ledger.DeliveryDelivered); n != 40 {
		t.Errorf("delivered %d, want the 40 to endpoints that answer 200", n)
	}
	s.Close()
	close(stop)
	server.Close()
	eventually.True(t, "the goroutines of the sender have ended", func() bool { return runtime.NumGoroutine() <= before+1 })
}

// nameServer answers each question for an address with the next of the given ones.
func nameServer(t *testing.T, addrs ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		asked := 0
		for question := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			addr := netip.MustParseAddr(addrs[min(asked, len(addrs)-1)])
			answer, about := dnsAnswer(question[:n], addr)
			if about {
				asked++
			}
			_, _ = conn.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsAnswer returns the answer to a question, and whether the question was about addresses of
// addr's family. https://www.rfc-editor.org/rfc/rfc1035#section-4.1.
func dnsAnswer(question []byte, addr netip.Addr) (answer []byte, about bool) {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5
	kind := binary.BigEndian.Uint16(question[end-4:])
	want := uint16(1) // A
	if addr.Is6() {
		want = 28 // AAAA
	}
	answer = append(answer, question[:end]...)
	copy(answer[2:12], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
	if kind != want {
		return answer, false
	}
	answer[7] = 1
	answer = append(answer, 0xc0, 12)
	answer = binary.BigEndian.AppendUint16(answer, want)
	answer = append(answer, 0, 1, 0, 0, 0, 0)
	answer = binary.BigEndian.AppendUint16(answer, uint16(addr.BitLen()/8))
	return append(answer, addr.AsSlice()...), true
}

// A name that resolves to an allowed address first, and to a forbidden one the second time, is
// called once.
func TestRebinding(t *testing.T) {
	t.Parallel()
	for _, second := range []string{"169.254.169.254", "::ffff:169.254.169.254", "::ffff:127.0.0.2", "127.0.0.2", "::1", "64:ff9b::7f00:1", "0.0.0.0"} {
		t.Run(second, func(t *testing.T) {
			t.Parallel()
			var received atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				received.Add(1)
				w.Header().Set("Connection", "close") // so that the next attempt dials again
			}))
			defer server.Close()
			_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
			c := newClient(newChecker(allow(t, "127.0.0.1")), time.Minute, "v1", dialing{resolver: nameServer(t, "127.0.0.1", second)})
			defer c.close()
			url := "http://hooks.example.com:" + port
			if o := send(t, c, url); !o.ok() {
				t.Fatalf("first attempt = %+v", o)
			}
			o := send(t, c, url)
			if o.ok() || !strings.Contains(o.reason, "is not allowed") {
				t.Errorf("second attempt = %+v, want a refusal of the address", o)
			}
			if received.Load() != 1 {
				t.Errorf("the receiver got %d events, want 1", received.Load())
			}
		})
	}
}

// Without an open range, an operator's https URL may not lead inside either, and no proxy is
// used.
func TestAttemptIgnoresProxies(t *testing.T) {
	proxied := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a proxy was used") }))
	defer proxied.Close()
	t.Setenv("HTTPS_PROXY", proxied.URL)
	t.Setenv("HTTP_PROXY", proxied.URL)
	c := newClient(newChecker(nil), time.Minute, "v1", dialing{resolver: nameServer(t, "10.0.0.1")})
	defer c.close()
	if o := send(t, c, "https://hooks.example.com/"); o.ok() || !strings.Contains(o.reason, "10.0.0.1 is not allowed: it is private; --callback-allow opens it") {
		t.Errorf("attempt() = %+v, want a refusal of the private address", o)
	}
}

func TestUnansweredIsBoundedAndInOneLine(t *testing.T) {
	t.Parallel()
	o := unanswered(t.Context(), errors.New("tls: a\r\nb\x00c \xff"+strings.Repeat("é", 1000)), time.Second)
	if len(o.reason) > ledger.MaxDeliveryError || strings.ContainsAny(o.reason, "\r\n\x00") || !strings.HasPrefix(o.reason, "tls: a b c ?é") {
		t.Errorf("reason = %q (%d bytes)", o.reason, len(o.reason))
	}
}

// TestMalformedAnswersAreNotQuoted answers something else than HTTP, which may be the answer of
// an internal service.
func TestMalformedAnswersAreNotQuoted(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"SECRET and no HTTP\r\n\r\n",
		"HTTP/1.1 SECRET\r\n\r\n",
		"HTTP/SECRET 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nSECRET\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: SECRET\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: SECRET\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: SECRET\r\n\r\n",
	} {
		url, c := receiver(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("Hijack() = %v", err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, answer)
		})
		if o := send(t, c, url); !strings.HasPrefix(o.reason, "the answer is not HTTP") {
			t.Errorf("attempt() answered by %q: reason = %q, want a fixed text", answer, o.reason)
		}
	}
}

// TestConnectionErrorsAreShown lists errors that an operator needs, and that have no answer.
func TestConnectionErrorsAreShown(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("address 10.0.0.1 is not allowed: it is private")},
		&net.DNSError{Err: "no such host", Name: "hooks.example.com", IsNotFound: true},
		&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		errors.New("tls: server selected unsupported protocol version 301"),
		http.ErrSchemeMismatch,
		io.EOF,
	} {
		if o := unanswered(t.Context(), err, time.Second); o.reason != err.Error() {
			t.Errorf("unanswered(%v): reason = %q, want the text of the error", err, o.reason)
		}
	}
}

// TestAttemptDoesNotSwitchProtocols answers 101 and then nothing. The attempt ends, although no
// context ends the reads of such a body.
func TestAttemptDoesNotSwitchProtocols(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	url, c := receiver(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("Hijack() = %v", err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up
		close(closed)
	})
	if o := send(t, c, url); o.ok() || o.status != http.StatusSwitchingProtocols {
		t.Errorf("outcome = %+v, want a failure", o)
	}
	<-closed
}
