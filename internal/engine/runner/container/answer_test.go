//go:build unix

package container

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/testneed"
)

// between returns a socket in front of the daemon. The first POST whose path has the suffix is
// answered by once, which may forward it; all other requests are forwarded.
func between(t *testing.T, suffix string, once func(w http.ResponseWriter, r *http.Request, daemon http.Handler)) (host string) {
	t.Helper()
	socket := strings.TrimPrefix(testneed.Daemon(t), "unix://")
	daemon := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "daemon"})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}},
	}
	var came atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, suffix) && r.Method == http.MethodPost && came.CompareAndSwap(false, true) {
			once(w, r, daemon)
			return
		}
		daemon.ServeHTTP(w, r)
	}))
	front := filepath.Join(scratch(t), "docker.sock")
	listener, err := net.Listen("unix", front)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return "unix://" + front
}

// forget forwards a request, and closes the connection before the answer.
func forget(_ http.ResponseWriter, r *http.Request, daemon http.Handler) {
	daemon.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// TestAnswerIsLost checks that a container whose creation or start was not confirmed is removed
// before the attempt is placed again, so that two never run.
func TestAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/containers/create", "/start"} {
		t.Run(strings.TrimPrefix(path, "/"), func(t *testing.T) {
			t.Parallel()
			r := openTest(t, Config{Hosts: []string{between(t, path, forget)}})
			spec := specOf(t, &runpb.Container{Image: jobImage, Args: []string{"again"}, Env: []*runpb.EnvVar{
				{Name: "SLEEP", Values: &runpb.EnvVar_Value{Value: "10m"}},
			}})
			if err := r.Start(t.Context(), spec, runner.Output{}); runwith.CodeOf(err) != runwith.Unavailable {
				t.Fatalf("Start whose answer is lost = %v, want UNAVAILABLE", err)
			}
			stdout, _ := start(t, r, spec)
			stdout.await(t, "  ARG: again\n")
			if left, err := r.owned(t.Context()); err != nil || len(left) != 1 {
				t.Errorf("containers = %d, %v, want 1", len(left), err)
			}
			stop(t, r, spec.ID)
			waitStopped(t, r, spec.ID)
			none(t, r)
		})
	}
}

// TestAttachIsRefused checks that a container whose output cannot be attached to runs once, and that
// its output is read from the daemon's record. Podman refuses it if it could not make the process at
// that moment.
func TestAttachIsRefused(t *testing.T) {
	t.Parallel()
	refuse := func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, "preparing container for attach", http.StatusConflict)
	}
	r := openTest(t, Config{Hosts: []string{between(t, "/attach", refuse)}})
	stdout, _, result := run(t, r, specOf(t, &runpb.Container{Image: jobImage, Args: []string{"once"}}))
	if strings.Count(stdout, "  ARG: once\n") != 1 || result.ExitCode != 0 {
		t.Errorf("output = %q, result = %+v, want what it printed, once, and success", stdout, result)
	}
	none(t, r)
}
