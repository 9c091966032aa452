package kube_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// answerVersion answers what a client asks with Version.
func answerVersion(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"major":"1","minor":"35"}`)) }

// version calls the server, and returns the error.
func version(t *testing.T, c *kube.Client) error {
	t.Helper()
	v, err := c.Version(t.Context())
	if err == nil && v.Minor != "35" {
		t.Errorf("Version() = %+v, want 1.35", v)
	}
	return err
}

func TestRequestsHaveTheUsersCredentials(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "token", "from a file\n")
	for _, tt := range []struct{ name, user, header, want string }{
		{"token", `{"token": "abc"}`, "Authorization", "Bearer abc"},
		{"file of a token", `{"token": "abc", "tokenFile": "token"}`, "Authorization", "Bearer from a file"},
		{"password", `{"username": "ann", "password": "pw"}`, "Authorization", "Basic YW5uOnB3"},
		{"nothing", `{}`, "Authorization", ""},
		{"impersonation", `{"as": "ann"}`, "Impersonate-User", "ann"},
		{"groups", `{"as": "ann", "as-groups": ["a", "b"]}`, "Impersonate-Group", "a,b"},
		{"extra", `{"as": "ann", "as-user-extra": {"x/y": ["z"]}}`, "Impersonate-Extra-X%2fy", "z"},
		{"program", `{}`, "User-Agent", "runwith/1.2.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got, protocol string
			s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, protocol = strings.Join(r.Header.Values(tt.header), ","), r.Proto
				answerVersion(w)
			}))
			c := connect(t, kube.Options{Kubeconfig: write(t, dir, tt.name+".kubeconfig", s.kubeconfig(tt.user)), Version: "1.2.3"})
			if err := version(t, c); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("%s = %q, want %q", tt.header, got, tt.want)
			}
			if protocol != "HTTP/2.0" {
				t.Errorf("protocol = %s, want HTTP/2.0", protocol)
			}
		})
	}
}

// accepting returns a server that accepts the one token.
func accepting(t *testing.T, token *atomic.Value) *server {
	return newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token.Load().(string) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answerVersion(w)
	}))
}

func TestTokenInAFileIsReadAgain(t *testing.T) {
	t.Parallel()
	var token atomic.Value
	token.Store("old")
	s, dir := accepting(t, &token), t.TempDir()
	write(t, dir, "token", "old")
	c := connect(t, kube.Options{Kubeconfig: write(t, dir, "config", s.kubeconfig(`{"tokenFile": "token"}`))})
	if err := version(t, c); err != nil {
		t.Fatal(err)
	}
	token.Store("new")
	write(t, dir, "token", "new")
	if err := version(t, c); err != nil {
		t.Errorf("after the file had a new token: %v", err)
	}
	write(t, dir, "token", "bad")
	err := version(t, c)
	if err == nil || !strings.Contains(err.Error(), `does not accept the credentials of user "u", which may have expired`) {
		t.Errorf("with a token that has expired: %v", err)
	}
}

// plugin returns a user whose credentials this test binary prints: see TestMain.
func plugin(t *testing.T, dir, output string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": %q, "args": ["arg"], "provideClusterInfo": true, "interactiveMode": "Never",
		"env": [{"name": %q, "value": %q}]}}`, self, pluginVariable, write(t, dir, "output", output))
}

func execCredential(status string) string {
	return `{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": ` + status + `}`
}

// runs returns how often a plugin ran.
func runs(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "output.runs"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func TestPluginRunsAgainWhenItsTokenIsRefused(t *testing.T) {
	t.Parallel()
	var token atomic.Value
	token.Store("one")
	s, dir := accepting(t, &token), t.TempDir()
	c := connect(t, kube.Options{Environ: os.Environ(), Kubeconfig: write(t, dir, "config", s.kubeconfig(plugin(t, dir, execCredential(`{"token": "one"}`))))})
	for range 3 {
		if err := version(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if n := runs(t, dir); n != 1 {
		t.Errorf("the plugin ran %d times for three requests, want once", n)
	}
	token.Store("two")
	write(t, dir, "output", execCredential(`{"token": "two"}`))
	if err := version(t, c); err != nil {
		t.Errorf("after the server refused the first token: %v", err)
	}
	if n := runs(t, dir); n != 2 {
		t.Errorf("the plugin ran %d times, want twice", n)
	}
	text, err := os.ReadFile(filepath.Join(dir, "output.runs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"interactive":false`, `"server":"` + s.URL + `"`, `"certificate-authority-data":"LS0t`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("KUBERNETES_EXEC_INFO = %s, want %s in it", text, want)
		}
	}
}

func TestPluginRunsAgainWhenItsTokenExpires(t *testing.T) {
	t.Parallel()
	var token atomic.Value
	token.Store("one")
	s, dir := accepting(t, &token), t.TempDir()
	c := connect(t, kube.Options{Environ: os.Environ(), Kubeconfig: write(t, dir, "config", s.kubeconfig(
		plugin(t, dir, execCredential(`{"token": "one", "expirationTimestamp": "2020-01-01T00:00:00Z"}`))))})
	for range 2 {
		if err := version(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if n := runs(t, dir); n != 2 {
		t.Errorf("the plugin ran %d times for two requests, want twice", n)
	}
}

func TestPluginThatFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, output, want string }{
		{"exit code", "", "exit status 3: no login"},
		{"no JSON", "secret", "is not an ExecCredential in JSON"},
		{"another version", strings.Replace(execCredential(`{"token": "secret"}`), "/v1", "/v1beta1", 1), `want ExecCredential and "client.authentication.k8s.io/v1"`},
		{"no token", execCredential(`{}`), "has neither token nor clientCertificateData"},
		{"certificate without key", execCredential(`{"clientCertificateData": "secret"}`), "want both or none"},
		{"bad certificate", execCredential(`{"clientCertificateData": "secret", "clientKeyData": "secret"}`), "clientCertificateData and clientKeyData: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, dir := newServer(t, nil), t.TempDir()
			c := connect(t, kube.Options{Environ: os.Environ(), Kubeconfig: write(t, dir, "config", s.kubeconfig(plugin(t, dir, tt.output)))})
			err := version(t, c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Version() = %v, want an error with %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error has the plugin's output: %v", err)
			}
		})
	}
}

func TestPluginThatIsNotInstalled(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	user := `{"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "no-such-plugin", "installHint": "Install it so."}}`
	err := version(t, connect(t, kube.Options{Kubeconfig: write(t, t.TempDir(), "config", s.kubeconfig(user))}))
	if err == nil || !strings.Contains(err.Error(), "no-such-plugin: is not installed. Install it so.") {
		t.Errorf("Version() = %v, want the hint", err)
	}
}

func TestServerWithAnotherCertificate(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for _, tt := range []struct{ name, config, want string }{
		{"unknown authority", withCluster(fmt.Sprintf(`{"server": %q}`, s.URL)), ": correct certificate-authority in the kubeconfig"},
		{"another name", strings.Replace(s.kubeconfig(`{}`), `{"server"`, `{"tls-server-name": "other.test", "server"`, 1), ": correct server or tls-server-name in the kubeconfig"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := version(t, connect(t, kube.Options{Kubeconfig: write(t, t.TempDir(), "config", tt.config)}))
			for _, want := range []string{`call namespace "default" of cluster "c"`, "x509: ", tt.want} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("Version() = %v, want an error with %q", err, want)
				}
			}
		})
	}
}

func TestServerWithAnExpiredCertificate(t *testing.T) {
	t.Parallel()
	certificate, key := certificateUntil(t, "server", time.Now().Add(-time.Hour))
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	s := newServerWith(t, &tls.Config{Certificates: []tls.Certificate{pair}}, nil)
	err = version(t, s.connect(t))
	if err == nil || !strings.Contains(err.Error(), "certificate has expired") || !strings.Contains(err.Error(), ": renew the server's certificate, or set this machine's clock") {
		t.Errorf("Version() = %v, want that the server's certificate has expired", err)
	}
}

func TestRedirectDoesNotTakeTheCredentialsAway(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	t.Cleanup(elsewhere.Close)
	s := newServer(t, http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	if err := version(t, s.connect(t)); err == nil {
		t.Error("Version() = nil, want the redirect as an error")
	}
	if asked.Load() {
		t.Error("the client followed the redirect")
	}
}

func TestRequestsAreCountedByVerb(t *testing.T) {
	t.Parallel()
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	c := s.connect(t)
	ctx := t.Context()
	_, err1 := c.CreatePod(ctx, []byte(`{}`))
	_, err2 := c.PatchPod(ctx, "a", []byte(`{}`))
	log, err3 := c.OpenLog(ctx, "a", kube.LogOptions{Container: "main"})
	_, err4 := c.ListPods(ctx, "")
	for _, err := range []error{err1, err2, err3, err4, c.DeletePod(ctx, "a", "b", 0)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = log.Close()
	if diff := cmp.Diff(map[string]int64{"create": 1, "patch": 1, "log": 1, "list": 1, "delete": 1}, c.Requests()); diff != "" {
		t.Errorf("Requests() (-want +got):\n%s", diff)
	}
}

func TestLimitOfRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	c := connect(t, kube.Options{Kubeconfig: write(t, t.TempDir(), "config", s.kubeconfig(`{}`)), Rate: 1e-9, Burst: 1})
	if _, err := c.GetPod(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.GetPod(ctx, "a"); err == nil || !strings.Contains(err.Error(), "was not sent") {
		t.Errorf("second request = %v, want that it waits for its turn", err)
	}
	log, err := c.OpenLog(ctx, "a", kube.LogOptions{})
	if err != nil {
		t.Fatalf("log, which has a limit of its own: %v", err)
	}
	_ = log.Close()
	if _, err := c.GetLease(ctx, "a"); err != nil {
		t.Errorf("Lease, which has no limit: %v", err)
	}
	if _, err := c.OpenLog(ctx, "a", kube.LogOptions{}); err == nil {
		t.Error("second log = nil, want that it waits for its turn")
	}
}
