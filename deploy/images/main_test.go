package main

import (
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/runwith/runwith/internal/image"
)

// What is said to have been built is in the folder, and in the registry. The large image
// is internal/image's to test.
func TestRun(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	dir, to := t.TempDir(), strings.TrimPrefix(server.URL, "http://")+"/my-project/my-repository"
	var said strings.Builder
	if err := run(t.Context(), []string{"--out", dir, "--push", to, "--tag", "v1"}, &said, image.Job()); err != nil {
		t.Fatal(err)
	}
	const job = "test-invoke-job"
	index, err := layout.ImageIndexFromPath(filepath.Join(dir, job))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil || !strings.Contains(said.String(), job+": "+digest.String()) {
		t.Errorf("the image in the folder is %s, %v, want what is said of it:\n%s", digest, err, &said)
	}
	ref, err := name.NewTag(to + "/" + job + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	if pushed, err := remote.Get(ref); err != nil || pushed.Digest != digest {
		t.Errorf("the registry has %+v, %v, want %s", pushed, err, digest)
	}
	for _, arch := range image.Architectures() {
		archived, err := tarball.ImageFromPath(filepath.Join(dir, job+"-"+arch+".tar"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if file, err := archived.ConfigFile(); err != nil || file.Architecture != arch {
			t.Errorf("the archive for %s has an image for %s, %v", arch, file.Architecture, err)
		}
		if !strings.Contains(said.String(), job+" for linux/"+arch+": ") {
			t.Errorf("nothing is said of %s for %s:\n%s", job, arch, &said)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"all"}, {"--tag", "no tag", "--out", t.TempDir()}} {
		if err := run(t.Context(), args, io.Discard, image.Job()); err == nil {
			t.Errorf("run(%q) = nil, want an error", args)
		}
	}
}
