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
)

// What is said to have been built is in the folder, and in the registry.
func TestRun(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	dir, to := t.TempDir(), strings.TrimPrefix(server.URL, "http://")+"/my-project/my-repository"
	var said strings.Builder
	if err := run(t.Context(), []string{"--out", dir, "--push", to, "--tag", "v1"}, &said); err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"test-invoke-job", "test-invoke-job-api-svc"} {
		index, err := layout.ImageIndexFromPath(filepath.Join(dir, image))
		if err != nil {
			t.Fatal(err)
		}
		digest, err := index.Digest()
		if err != nil || !strings.Contains(said.String(), image+": "+digest.String()) {
			t.Errorf("the image in the folder is %s, %v, want what is said of it:\n%s", digest, err, &said)
		}
		ref, err := name.NewTag(to + "/" + image + ":v1")
		if err != nil {
			t.Fatal(err)
		}
		if pushed, err := remote.Get(ref); err != nil || pushed.Digest != digest {
			t.Errorf("the registry has %+v, %v, want %s", pushed, err, digest)
		}
		for _, arch := range []string{"amd64", "arm64"} {
			archived, err := tarball.ImageFromPath(filepath.Join(dir, image+"-"+arch+".tar"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if file, err := archived.ConfigFile(); err != nil || file.Architecture != arch {
				t.Errorf("the archive for %s has an image for %s, %v", arch, file.Architecture, err)
			}
			if !strings.Contains(said.String(), image+" for linux/"+arch+": ") {
				t.Errorf("nothing is said of %s for %s:\n%s", image, arch, &said)
			}
		}
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"all"}, {"--tag", "no tag", "--out", t.TempDir()}} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("run(%q) = nil, want an error", args)
		}
	}
}
