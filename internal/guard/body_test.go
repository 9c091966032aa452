package guard_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/guard"
	httpserver "github.com/runwith/runwith/internal/server"
)

// pipes is a listener whose connections stay in the process, so that they work
// in a synctest bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	server, client := net.Pipe()
	p <- server
	return client, nil
}

// servePipes starts a guarded server for h in the bubble of t.
func servePipes(t *testing.T, h http.Handler) pipes {
	t.Helper()
	listener := make(pipes)
	server := httpserver.HTTP(newGuard(t, guard.Config{}).Wrap(h), slog.New(slog.DiscardHandler))
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener
}

const postHead = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

func TestBodyTooSlow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		request string
		want    int
	}{
		{"never comes", postHead + "Content-Length: 100\r\n\r\n", http.StatusRequestTimeout},
		{"stops", postHead + "Content-Length: 100\r\n\r\n{", http.StatusRequestTimeout},
		{"chunked, stops", postHead + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", http.StatusRequestTimeout},
		{"chunked, without type", "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", http.StatusRequestTimeout},
		// net/http reads on before it sends a refusal.
		{"refused", "POST / HTTP/1.1\r\nHost: rebind.example\r\nContent-Length: 100\r\n\r\n", http.StatusForbidden},
		{"of a wrong type", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n", http.StatusUnsupportedMediaType},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, _ := servePipes(t, echo).dial(t.Context(), "", "")
				defer conn.Close()
				// Far more than the guard allows, and less than for ever.
				conn.SetDeadline(time.Now().Add(time.Hour))
				go io.WriteString(conn, test.request)
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatalf("no answer: %v", err)
				}
				if response.StatusCode != test.want {
					t.Errorf("status = %d, want %d", response.StatusCode, test.want)
				}
			})
		})
	}
}

// A body that claims to be gRPC's has the limits of its route. The server takes no gRPC there.
func TestBodyThatClaimsToBeGRPC(t *testing.T) {
	t.Parallel()
	raw := func(*http.Request) guard.Rule { return guard.Rule{Raw: true, MaxBody: 10} }
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 11)))
	r.ProtoMajor, r.Host = 2, "localhost"
	r.Header.Set("Content-Type", "application/grpc")
	newGuard(t, guard.Config{Rule: raw}).Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil {
			t.Errorf("read %d bytes, want an error after 10", len(body))
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// huma changes the deadline before it reads.
func TestBodyTooSlowBehindRouter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		router := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
				t.Error(err)
			}
			echo(w, r)
		})
		conn, _ := servePipes(t, router).dial(t.Context(), "", "")
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Hour))
		go io.WriteString(conn, postHead+"Content-Length: 100\r\n\r\n{")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusRequestTimeout {
			t.Errorf("answer = %v, %v, want 408", response, err)
		}
	})
}

// events reads the body, or not, and then answers with events over ten minutes.
func events(t *testing.T, readBody bool) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if readBody {
			io.Copy(io.Discard, r.Body)
		}
		for i := range 10 {
			select {
			case <-time.After(time.Minute):
			case <-r.Context().Done():
				t.Errorf("the request's context ended before event %d: %v", i, context.Cause(r.Context()))
				return
			}
			fmt.Fprintf(w, "data: %d\n\n", i)
			http.NewResponseController(w).Flush()
		}
	})
}

func TestLongResponse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		body     func() io.Reader
		readBody bool
	}{
		{"no body", func() io.Reader { return nil }, true},
		{"body", func() io.Reader { return strings.NewReader("{}") }, true},
		{"body that is not read", func() io.Reader { return strings.NewReader("{}") }, false},
		{"chunked body", func() io.Reader { return io.MultiReader(strings.NewReader("{}")) }, true},
	} {
		for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
			t.Run(test.name+"/"+version, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					listener := servePipes(t, events(t, test.readBody))
					dials := 0
					transport := &http.Transport{Protocols: protocols(version)}
					transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
						dials++
						return listener.dial(ctx, network, addr)
					}
					defer transport.CloseIdleConnections()
					for range 2 {
						requireEvents(t, transport, test.body(), version)
						time.Sleep(time.Minute) // idle, shorter than the server allows
					}
					if dials != 1 {
						t.Errorf("the client dialled %d times, want 1: the connection is not kept alive", dials)
					}
				})
			})
		}
	}
}

func protocols(version string) *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(version == "HTTP/1.1")
	p.SetUnencryptedHTTP2(version == "HTTP/2.0")
	return &p
}

func requireEvents(t *testing.T, transport http.RoundTripper, body io.Reader, version string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://localhost/", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.Proto != version {
		t.Fatalf("answer = %s %d %q, %v, want %s 200", response.Proto, response.StatusCode, text, err, version)
	}
	if got := bytes.Count(text, []byte("data: ")); got != 10 {
		t.Errorf("got %d events, want 10", got)
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	var reached recorder
	addr := serve(t, newGuard(t, guard.Config{MaxBody: 1000}).Wrap(reached.wrap(echo)))
	const tooLarge = http.StatusRequestEntityTooLarge
	for _, test := range []struct {
		name    string
		size    int
		chunked bool
		status  int
		reached int // a length that is declared is refused at once
	}{
		{"just fits", 1000, false, http.StatusOK, 1},
		{"just fits, chunked", 1000, true, http.StatusOK, 1},
		{"too large", 1001, false, tooLarge, 0},
		{"too large, chunked", 1001, true, tooLarge, 1},
		{"far too large", 4 << 20, false, tooLarge, 0},
		{"far too large, chunked", 4 << 20, true, tooLarge, 1},
	} {
		for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
			attempt := test.name + "/" + version
			t.Run(attempt, func(t *testing.T) {
				t.Parallel()
				var body io.Reader = strings.NewReader(strings.Repeat(" ", test.size))
				if test.chunked {
					body = io.MultiReader(body)
				}
				status, text := post(t, version, "http://"+addr+"/?attempt="+url.QueryEscape(attempt), body)
				if status != test.status || reached.count(attempt) != test.reached {
					t.Errorf("status = %d, and it reached the handler %d times, want %d and %d", status, reached.count(attempt), test.status, test.reached)
				}
				if status == tooLarge && !strings.Contains(text, "larger than 1000 bytes") {
					t.Errorf("body = %.200s, want it to name the limit", text)
				}
			})
		}
	}
}

// post sends JSON over the version of HTTP.
func post(t *testing.T, version, url string, body io.Reader) (status int, text string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{Protocols: protocols(version)}}
	defer client.CloseIdleConnections()
	response, err := client.Post(url, "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// The error that a handler gets from Read.
func TestBodyTooLargeError(t *testing.T) {
	t.Parallel()
	var got error
	h := newGuard(t, guard.Config{MaxBody: 1}).Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, got = io.ReadAll(r.Body)
	}))
	r := httptest.NewRequest("POST", "http://localhost/", io.MultiReader(strings.NewReader("{}")))
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(httptest.NewRecorder(), r)

	if code := runwith.CodeOf(got); code != runwith.InvalidArgument {
		t.Errorf("CodeOf(%v) = %v, want INVALID_ARGUMENT", got, code)
	}
	if kind := cause.KindOf(fmt.Errorf("read request: %w", got)); kind != cause.BodyTooLarge {
		t.Errorf("KindOf(%v) = %q, want %q", got, kind, cause.BodyTooLarge)
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](got); !ok || tooLarge.Limit != 1 {
		t.Errorf("%#v has no *http.MaxBytesError of 1 byte", got)
	}
}

// Some clients send an empty body in chunks, without a content type.
func TestEmptyChunkedBody(t *testing.T) {
	t.Parallel()
	addr := serve(t, newGuard(t, guard.Config{}).Wrap(echo))
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for body, want := range map[string]int{"": http.StatusOK, "{}": http.StatusUnsupportedMediaType} {
			client := &http.Client{Transport: &http.Transport{Protocols: protocols(version)}}
			defer client.CloseIdleConnections()
			r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+addr, io.MultiReader(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			r.TransferEncoding = []string{"chunked"}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s, chunked body %q: status = %d, want %d", version, body, response.StatusCode, want)
			}
		}
	}
}
