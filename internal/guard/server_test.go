package guard_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/runwith/runwith/internal/guard"
	httpserver "github.com/runwith/runwith/internal/server"
)

// These requests are not possible with net/http's client.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	var reached recorder
	addr := serve(t, newGuard(t, guard.Config{}).Wrap(reached.wrap(http.NewServeMux())))
	for _, test := range []struct {
		name, request string
		want          int
	}{
		{"proxied", "GET http://us-east4-run.localhost/?attempt=proxied HTTP/1.1\r\nHost: rebind.example\r\n\r\n", http.StatusNotFound},
		{"proxied elsewhere", "GET http://rebind.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", http.StatusForbidden},
		{"connect", "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n", http.StatusForbidden},
		{"no host", "GET / HTTP/1.0\r\n\r\n", http.StatusForbidden},
		{"options of all", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nOrigin: http://page.example\r\n\r\n", http.StatusForbidden},
		{"web socket", "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://page.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", http.StatusForbidden},
		{"large header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", http.StatusRequestHeaderFieldsTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			go io.WriteString(conn, test.request)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.want {
				text, _ := io.ReadAll(response.Body)
				t.Errorf("status = %d, want %d; body %s", response.StatusCode, test.want, text)
			}
		})
	}
	t.Cleanup(func() {
		if reached.count("proxied") != 1 || len(reached.seen) != 1 {
			t.Errorf("%v reached the handler, want the proxied one alone", reached.seen)
		}
	})
}

// Any address is this machine's if the client reached the server there.
func TestLocalAddress(t *testing.T) {
	t.Parallel()
	h := newGuard(t, guard.Config{}).Wrap(echo)
	for _, test := range []struct {
		host  string
		local net.Addr
		want  int
	}{
		{"192.0.2.1:8080", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:8080")), http.StatusOK},
		{"192.0.2.1:8080", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[::ffff:192.0.2.1]:8080")), http.StatusOK},
		{"[2001:db8::1]", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[2001:db8::1]:80")), http.StatusOK},
		{"192.0.2.2:8080", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:8080")), http.StatusForbidden},
		{"192.0.2.1", &net.UnixAddr{Name: "192.0.2.1"}, http.StatusForbidden},
		{"192.0.2.1", nil, http.StatusForbidden},
		{"rebind.example", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:8080")), http.StatusForbidden},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = test.host
		if test.local != nil {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, test.local))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("Host %s on %v: status = %d, want %d", test.host, test.local, w.Code, test.want)
		}
	}
}

// The real client gets UNIMPLEMENTED for an unknown service if it reaches the server.
func TestGRPC(t *testing.T) {
	t.Parallel()
	backend := grpc.NewServer()
	t.Cleanup(backend.Stop)
	takesGRPC := func(r *http.Request) guard.Rule { return guard.Rule{GRPC: r.URL.Path != "/runwith.Test/Other"} }
	addr := serve(t, newGuard(t, guard.Config{MaxBody: 10, Rule: takesGRPC}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !guard.IsGRPC(r) {
			http.Error(w, "not gRPC", http.StatusTeapot)
			return
		}
		backend.ServeHTTP(w, r)
	})))
	for _, test := range []struct {
		name      string
		method    string
		authority string
		header    []string
		want      codes.Code
		says      string
	}{
		{"reaches the server, larger than a REST body", "Test", addr, nil, codes.Unimplemented, "unknown service"},
		{"on a route that takes none", "Other", addr, nil, codes.FailedPrecondition, addr + " is an invoker, not an engine"},
		{"other host", "Test", "rebind.example", nil, codes.PermissionDenied, `host "rebind.example"`},
		{"other origin", "Test", addr, []string{"origin", "http://page.example"}, codes.PermissionDenied, "page.example"},
		{"message with a percent sign", "Test", addr, []string{"origin", "http://100%41"}, codes.PermissionDenied, "100%41"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(test.authority))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx := metadata.AppendToOutgoingContext(t.Context(), test.header...)
			err = conn.Invoke(ctx, "/runwith.Test/"+test.method, wrapperspb.String(strings.Repeat("x", 1000)), &emptypb.Empty{})
			if s := status.Convert(err); s.Code() != test.want || !strings.Contains(s.Message(), test.says) {
				t.Errorf("Invoke = %v, want %v that says %q", err, test.want, test.says)
			}
		})
	}
}

func TestServerLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	server := httpserver.HTTP(nil, slog.New(slog.NewTextHandler(&log, nil)))
	server.ErrorLog.Print("something odd")
	if got := log.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "something odd") {
		t.Errorf("the log has %q, want the warning", got)
	}
}

func ExampleGuard_Wrap() {
	g, err := guard.New(guard.Config{AllowHosts: []string{"runwith.example"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := g.Wrap(http.NotFoundHandler())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://elsewhere.example/", nil))
	fmt.Println(w.Code)
	// Output: 403
}
