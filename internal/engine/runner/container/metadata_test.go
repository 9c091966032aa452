//go:build unix

package container

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/engine/metadata"
)

// getScript returns a script that requests a URL. HOST in it is the metadata server's address.
func getScript(url string) string {
	c := self()
	return fmt.Sprintf("%s %s get http://%s Metadata-Flavor=Google", c.Command[0], program, strings.Replace(url, "HOST", "$GCE_METADATA_HOST", 1))
}

// metadataOf returns a metadata server for a project.
func metadataOf(t *testing.T) http.Handler {
	t.Helper()
	authority, err := metadata.Open(metadata.Config{Project: "my-project", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	authority.Register(mux)
	return mux
}

// TestMetadata checks that containers on the daemon's network and on a user's network reach the
// metadata server, and nothing else on this machine's loopback.
func TestMetadata(t *testing.T) {
	t.Parallel()
	engine := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(engine.Close)
	_, enginePort, err := net.SplitHostPort(engine.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	first := openTest(t, Config{})
	network := "runwith-test-" + strings.ToLower(rand.Text())
	if _, err := first.daemon.NetworkCreate(t.Context(), network, client.NetworkCreateOptions{Driver: "bridge"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := first.daemon.NetworkRemove(context.WithoutCancel(t.Context()), network, client.NetworkRemoveOptions{}); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"", network} {
		t.Run("Network"+name, func(t *testing.T) {
			r := openTest(t, Config{Buckets: "/", Network: name, Metadata: metadataOf(t)})
			gateway, _, err := net.SplitHostPort(r.host.address)
			if err != nil {
				t.Fatal(err)
			}
			stdout, _, _ := run(t, r, hosted(specOf(t, shell(strings.Join([]string{
				getScript("HOST/computeMetadata/v1/project/project-id"),
				getScript("HOST/v2/projects/p/locations/l/jobs"),
				getScript("127.0.0.1:" + enginePort + "/"),
				getScript(gateway + ":" + enginePort + "/"),
			}, "; ")))))
			answers := strings.Split(strings.TrimSpace(stdout), "\n")
			if len(answers) != 4 || answers[0] != "200 my-project" || !strings.HasPrefix(answers[1], "404 ") {
				t.Errorf("answers = %q, want the project and a 404 first", answers)
			}
			for _, answer := range answers[min(2, len(answers)):] {
				if !strings.HasPrefix(answer, "error: ") {
					t.Errorf("answer of the engine = %q, want the container not to reach it", answer)
				}
			}
			none(t, r)
		})
	}
}

// TestMetadataPortIsKept checks that the port stays the same, for tasks that outlive a server.
func TestMetadataPortIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var addresses []string
	for range 2 {
		r, err := Open(t.Context(), Config{Dir: dir, Hosts: openTest(t, Config{}).config.Hosts, Metadata: http.NotFoundHandler()})
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, r.host.address)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if addresses[0] != addresses[1] {
		t.Errorf("addresses of the metadata server = %s, then %s, want them equal", addresses[0], addresses[1])
	}
}

// TestNetworkRefused checks that Open refuses a missing network, and networks that reach the
// engine.
func TestNetworkRefused(t *testing.T) {
	t.Parallel()
	host := openTest(t, Config{}).config.Hosts
	for network, want := range map[string]string{
		"host":                       "the engine itself too",
		"container:x":                "the engine itself too",
		"runwith-test-no-such-thing": "make it first",
	} {
		_, err := Open(t.Context(), Config{Dir: t.TempDir(), Hosts: host, Network: network})
		if err == nil || !strings.Contains(err.Error(), "--network "+network) || !strings.Contains(err.Error(), want) {
			t.Errorf("Open with network %s = %v, want %q in it", network, err, want)
		}
	}
}

// TestOwnCallersOnly checks that a listener that is reachable from other machines answers only
// this machine.
func TestOwnCallersOnly(t *testing.T) {
	t.Parallel()
	handler := place{ip: netip.MustParseAddr("192.0.2.1"), local: true}.only(http.NotFoundHandler())
	for remote, want := range map[string]int{"127.0.0.1:5": http.StatusNotFound, "192.0.2.77:5": http.StatusForbidden, "?": http.StatusForbidden} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.RemoteAddr = remote
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("status for a call from %s = %d, want %d", remote, answer.Code, want)
		}
	}
}
