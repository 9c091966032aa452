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

// forgetful returns a socket in front of the daemon. It forwards the first call whose path has
// the suffix, and closes the connection before the answer.
func forgetful(t *testing.T, path string) (host string) {
	t.Helper()
	daemon := strings.TrimPrefix(testneed.Daemon(t), "unix://")
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: "daemon"})
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", daemon)
		}},
	}
	var forgot atomic.Bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, path) && r.Method == http.MethodPost && forgot.CompareAndSwap(false, true) {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	socket := filepath.Join(scratch(t), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return "unix://" + socket
}

// TestAnswerIsLost checks that a container whose creation or start was not confirmed is removed
// before the attempt is placed again, so that two never run.
func TestAnswerIsLost(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/containers/create", "/start"} {
		t.Run(strings.TrimPrefix(path, "/"), func(t *testing.T) {
			t.Parallel()
			r := openTest(t, Config{Hosts: []string{forgetful(t, path)}})
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
