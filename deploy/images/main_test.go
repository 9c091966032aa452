package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/runwith/runwith/internal/image"
)

// TestRun checks that the images in the folder and the registry are the ones it prints.
// internal/image tests the larger image.
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
		t.Errorf("image in the folder: digest = %s, %v, want the printed one:\n%s", digest, err, &said)
	}
	ref, err := name.NewTag(to + "/" + job + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	if pushed, err := remote.Get(ref); err != nil || pushed.Digest != digest {
		t.Errorf("image in the registry = %+v, %v, want digest %s", pushed, err, digest)
	}
	for _, arch := range image.Architectures() {
		archived, err := tarball.ImageFromPath(filepath.Join(dir, job+"-"+arch+".tar"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if file, err := archived.ConfigFile(); err != nil || file.Architecture != arch {
			t.Errorf("archive for %s: architecture = %s, %v", arch, file.Architecture, err)
		}
		if !strings.Contains(said.String(), job+" for linux/"+arch+": ") {
			t.Errorf("no line for %s and %s:\n%s", job, arch, &said)
		}
	}
}

// TestLoad replaces Docker with a program that prints its arguments, without the end of the line,
// as Podman does.
func TestLoad(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in is a shell script")
	}
	standIn, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(standIn, "docker"), []byte("#!/bin/sh\nprintf %s \"docker $*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", standIn+string(os.PathListSeparator)+os.Getenv("PATH"))
	var printed strings.Builder
	if err := run(t.Context(), []string{"--out", dir, "--load", "test-invoke-job"}, &printed, image.Job(), image.API()); err != nil {
		t.Fatal(err)
	}
	if want := "docker load --input " + filepath.Join(dir, "test-invoke-job-"+runtime.GOARCH+".tar") + "\n"; !strings.Contains(printed.String(), want) {
		t.Errorf("run prints %q, want the line %q", &printed, want)
	}
	if strings.Contains(printed.String(), image.API().Name) {
		t.Errorf("run prints %q, want only the image that was asked for", &printed)
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
