package kube_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// newProxy returns the HOST:PORT of a proxy that ann may use with the password pw, and the number
// of connections that it has made.
func newProxy(t *testing.T) (addr string, connections *atomic.Int64) {
	t.Helper()
	connections = new(atomic.Int64)
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:pw"))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		connections.Add(1)
		tunnel(w, r.Host)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), connections
}

// tunnel joins the connection of a CONNECT request and one to target. It answers only once it has
// the connection, or the server would have read what the client sends next.
func tunnel(w http.ResponseWriter, target string) {
	there, err := net.Dial("tcp", target)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_, err = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	}
	if err != nil {
		_ = there.Close()
		return
	}
	for to, from := range map[net.Conn]net.Conn{here: there, there: here} {
		go func() {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		}()
	}
}

// throughProxy returns a kubeconfig of the server with a proxy-url.
func (s *server) throughProxy(proxy string) string {
	return strings.Replace(s.kubeconfig(`{}`), `"cluster": {"server"`, fmt.Sprintf(`"cluster": {"proxy-url": %q, "server"`, proxy), 1)
}

func TestProxyOfAKubeconfig(t *testing.T) {
	t.Parallel()
	var protocol atomic.Value
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol.Store(r.Proto)
		answerVersion(w)
	}))
	addr, connections := newProxy(t)
	path := write(t, t.TempDir(), "config", s.throughProxy("http://ann:pw@"+addr))
	if err := version(t, connect(t, kube.Options{Kubeconfig: path})); err != nil {
		t.Fatal(err)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("connections through the proxy = %d, want 1", n)
	}
	if got := protocol.Load(); got != "HTTP/2.0" {
		t.Errorf("protocol = %v, want HTTP/2.0", got)
	}
}

func TestProxyThatDoesNotConnect(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	addr, _ := newProxy(t)
	for _, tt := range []struct{ name, proxy, want string }{
		{"wrong password", "http://ann:secret@" + addr, "proxy http://ann:xxxxx@" + addr + " does not connect: 407 Proxy Authentication Required"},
		{"nobody listens", "http://ann:secret@127.0.0.1:1", "proxyconnect tcp: dial tcp 127.0.0.1:1: "},
		{"nobody listens for SOCKS", "socks5://127.0.0.1:1", "dial tcp 127.0.0.1:1: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := version(t, connect(t, kube.Options{Kubeconfig: write(t, t.TempDir(), "config", s.throughProxy(tt.proxy))}))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Version() = %v, want an error with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has the proxy's password: %v", err)
			}
		})
	}
}

func TestProxyThatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, proxy := range []string{"localhost:3128", "127.0.0.1:3128", "ftp://x", "http://", "http://ann:secret@[", "http://ann:se cret@x"} {
		path := write(t, t.TempDir(), "config", withCluster(fmt.Sprintf(`{"server": "x", "proxy-url": %q}`, proxy)))
		_, err := kube.Connect(kube.Options{Kubeconfig: path})
		const want = `cluster "c": proxy-url must be a URL such as http://HOST:3128`
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "cret") {
			t.Errorf("proxy-url %q: Connect() = %v, want an error with %q and without a password", proxy, err, want)
		}
	}
}
