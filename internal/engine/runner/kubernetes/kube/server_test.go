package kube_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// server is an HTTPS server that speaks HTTP/2, in the place of an API server.
type server struct {
	*httptest.Server
	authority []byte // PEM
}

func newServer(t *testing.T, handler http.Handler) *server {
	t.Helper()
	return newServerWith(t, nil, handler)
}

// newServerWith is newServer that speaks TLS in a way.
func newServerWith(t *testing.T, config *tls.Config, handler http.Handler) *server {
	t.Helper()
	s := &server{Server: httptest.NewUnstartedServer(handler)}
	s.EnableHTTP2, s.TLS = true, config
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // some tests break connections on purpose
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	s.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return s
}

// kubeconfig returns a kubeconfig of the server, whose user has some fields.
func (s *server) kubeconfig(user string) string {
	return fmt.Sprintf(`{"clusters": [{"name": "c", "cluster": {"server": %q, "certificate-authority-data": %q}}], "users": [{"name": "u", "user": %s}],
		"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}`,
		s.URL, base64.StdEncoding.EncodeToString(s.authority), user)
}

// connect returns a client of the server without credentials.
func (s *server) connect(t *testing.T) *kube.Client {
	t.Helper()
	return connect(t, kube.Options{Kubeconfig: write(t, t.TempDir(), "config", s.kubeconfig(`{}`))})
}

func connect(t *testing.T, o kube.Options) *kube.Client {
	t.Helper()
	c, err := kube.Connect(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
