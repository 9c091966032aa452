//go:build unix

package container

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/moby/client"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/testneed"
)

// testRegistry is an in-memory registry with the sample job, and with a password
// if it has one.
type testRegistry struct {
	image string       // the sample job's reference
	asked atomic.Int32 // number of lookups of the tag
}

func newRegistry(t *testing.T, r *Runner, password string) *testRegistry {
	t.Helper()
	reg := new(testRegistry)
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if user, given, _ := q.BasicAuth(); password != "" && (user != "me" || given != password) && q.Header.Get("X-Test") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}`, http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(q.URL.Path, "/manifests/1") { // Docker's HEAD, Podman's GET
			reg.asked.Add(1)
		}
		handler.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	reg.image = strings.TrimPrefix(server.URL, "http://") + "/team/job:1"
	ref, err := name.ParseReference(reg.image)
	if err != nil {
		t.Fatal(err)
	}
	// The image is the test's own: a daemon that removes an image also removes its containers, if
	// the image has no other name at that moment.
	image := loaded.job(t, v1.Config{Entrypoint: []string{"/test-job"}, Labels: map[string]string{"registry": reg.image}})
	if err := remote.Write(ref, image, remote.WithTransport(tester{})); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = r.daemon.ImageRemove(context.WithoutCancel(t.Context()), reg.image, client.ImageRemoveOptions{Force: true})
	})
	needPlainHTTP(t, r, reg.image, password)
	return reg
}

// tester is an HTTP client with access to everything.
type tester struct{}

func (tester) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.Header.Set("X-Test", "yes")
	return http.DefaultTransport.RoundTrip(q)
}

// needPlainHTTP ends a test whose daemon requires TLS for registries. Docker allows plain HTTP for
// a registry on this machine, Podman if registries.conf allows it.
func needPlainHTTP(t *testing.T, r *Runner, image, password string) {
	t.Helper()
	if password != "" {
		return // asked by the test without one
	}
	err := r.images.pull(t.Context(), r, image)
	if err != nil && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") {
		testneed.Missing(t, "podman", fmt.Errorf("the daemon speaks no HTTP to a registry on this machine: set insecure in registries.conf for 127.0.0.1: %w", err))
	}
	if _, err := r.daemon.ImageRemove(t.Context(), image, client.ImageRemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
}

func imageTemplate(image string) *runpb.TaskTemplate {
	return &runpb.TaskTemplate{Containers: []*runpb.Container{{Image: image}}}
}

// TestPull checks the policies missing, always and never.
func TestPull(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pull  Pull
		pulls []int // after the first and after the second execution
	}{
		{PullMissing, []int{1, 1}},
		{PullAlways, []int{1, 2}},
		{PullNever, nil},
	} {
		t.Run(string(test.pull), func(t *testing.T) {
			r := openTest(t, Config{Pull: test.pull})
			reg := newRegistry(t, r, "")
			reg.asked.Store(0)
			if test.pulls == nil {
				err := r.Prepare(t.Context(), imageTemplate(reg.image))
				if want := "Image '" + reg.image + "' not found."; runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("Prepare = %v, want %q", err, want)
				}
				return
			}
			first := int32(0)
			for i, want := range test.pulls {
				if err := r.Prepare(t.Context(), imageTemplate(reg.image)); err != nil {
					t.Fatalf("Prepare = %v, want no error", err)
				}
				got := reg.asked.Load()
				if i == 0 {
					first = max(1, got) // lookups of one pull
				}
				if int(got/first) != want {
					t.Errorf("after execution %d the tag was looked up %d times, want as by %d pulls of %d each", i, got, want, first)
				}
			}
			_, _, result := run(t, r, specOf(t, &runpb.Container{Image: reg.image}))
			if result != (runner.Result{}) {
				t.Errorf("ended with %+v, want exit code 0", result)
			}
		})
	}
}

// TestStartPulls checks that Start pulls a missing image, which happens for a task after a restart.
func TestStartPulls(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{})
	reg := newRegistry(t, r, "")
	stdout, _, result := run(t, r, specOf(t, &runpb.Container{Image: reg.image, Args: []string{"pulled"}}))
	if got := argsOf(stdout); result != (runner.Result{}) || len(got) != 1 || got[0] != "pulled" {
		t.Errorf("ended with %+v and printed %q, want the argument", result, stdout)
	}
}

// TestCachedImage checks that the Runner caches its check of an image. If the image is removed
// meanwhile, creating the container pulls it, or fails.
func TestCachedImage(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{})
	reg := newRegistry(t, r, "")
	template := imageTemplate(reg.image)
	if !r.prepares(template) {
		t.Error("prepares() of an image that was never seen = false, want true")
	}
	if err := r.Prepare(t.Context(), template); err != nil {
		t.Fatal(err)
	}
	if r.prepares(template) {
		t.Error("prepares() of an image that was just seen = true, want false")
	}
	gone := func() {
		t.Helper()
		none(t, r) // wait until the containers that use it are removed
		if _, err := r.daemon.ImageRemove(t.Context(), reg.image, client.ImageRemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	gone()
	stdout, _, result := run(t, r, specOf(t, &runpb.Container{Image: reg.image, Args: []string{"pulled"}}))
	if got := argsOf(stdout); result != (runner.Result{}) || len(got) != 1 || got[0] != "pulled" {
		t.Errorf("after removing the image: ended with %+v and printed %q, want the argument", result, stdout)
	}
	if !r.prepares(template) {
		t.Error("prepares() of an image that was pulled anew = false, want true")
	}

	r.config.Pull = PullNever
	if err := r.Prepare(t.Context(), template); err != nil {
		t.Fatal(err)
	}
	gone()
	if err := startFails(t, r, specOf(t, &runpb.Container{Image: reg.image})); !strings.Contains(err.Error(), reg.image) {
		t.Errorf("Start() of a removed image without pulling = %v, want an error with its name", err)
	}
	r.config.Pull = PullAlways
	if !r.prepares(template) {
		t.Error("prepares() with --pull always = false, want true")
	}
}

// TestUnusableImageIsNotCached checks that an image that cannot run is checked each time, because
// somebody may have built it again.
func TestUnusableImageIsNotCached(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{Pull: PullNever})
	const image = "localhost/runwith-test/mended:1"
	t.Cleanup(func() {
		_, _ = r.daemon.ImageRemove(context.WithoutCancel(t.Context()), image, client.ImageRemoveOptions{Force: true})
	})
	loadImage(t, r.daemon.Client, image, loaded.job(t, v1.Config{}))
	template := imageTemplate(image)
	for range 2 {
		if !r.prepares(template) || r.Prepare(t.Context(), template) == nil {
			t.Error("an image without a command was prepared, want an error")
		}
	}
	if r.prepares(&runpb.TaskTemplate{Containers: []*runpb.Container{{Image: image, Command: []string{"/test-job"}}}}) {
		t.Error("prepares() of the same image with a command = true, want false")
	}
	loadImage(t, r.daemon.Client, image, loaded.job(t, v1.Config{Entrypoint: []string{"/test-job"}}))
	if !r.prepares(template) {
		t.Error("prepares() of an image that could not run = false, want true")
	}
	if err := r.Prepare(t.Context(), template); err != nil {
		t.Errorf("Prepare() of an image that now has a command = %v, want no error", err)
	}
	if r.prepares(template) {
		t.Error("prepares() of an image that was just checked = true, want false")
	}
}

// TestPullWithCredentials checks that credentials come from Docker's configuration, and that the
// error without them contains the registry's message.
func TestPullWithCredentials(t *testing.T) {
	r := openTest(t, Config{})
	newRegistry(t, r, "") // ends the test if the daemon requires TLS
	reg := newRegistry(t, r, "secret")
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	err := r.Prepare(t.Context(), imageTemplate(reg.image))
	if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "Image '"+reg.image+"' cannot be pulled.") {
		t.Errorf("Prepare without credentials = %v, want FAILED_PRECONDITION with the image", err)
	}
	host, _, _ := strings.Cut(reg.image, "/")
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("me:secret")))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Prepare(t.Context(), imageTemplate(reg.image)); err != nil {
		t.Errorf("Prepare with credentials = %v, want no error", err)
	}
}

// TestPullUnknown checks that the error for an unknown tag contains the registry's message.
func TestPullUnknown(t *testing.T) {
	t.Parallel()
	r := openTest(t, Config{})
	reg := newRegistry(t, r, "")
	err := r.Prepare(t.Context(), imageTemplate(strings.TrimSuffix(reg.image, "1")+"none"))
	if runwith.CodeOf(err) != runwith.FailedPrecondition || !strings.Contains(err.Error(), "none' not found. ") || !strings.Contains(strings.ToLower(err.Error()), "unknown") {
		t.Errorf("Prepare = %v, want FAILED_PRECONDITION with \"not found\" and the registry's message", err)
	}
}
