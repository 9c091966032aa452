// Package testimage builds the container images of tests and benchmarks, so that none
// is ever fetched: of files, of a static Go program, without a Docker.
package testimage

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Entry is a file of an image; a link where Link is set, a folder where Text is nil.
type Entry struct {
	Name, Link string
	Text       []byte
	Mode       int64
}

// New builds an image for an architecture, such as amd64.
func New(arch string, config v1.Config, entries ...Entry) (v1.Image, error) {
	archive, err := pack(entries)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", arch, config
	return mutate.ConfigFile(image, file)
}

// pack makes an archive of entries.
func pack(entries []Entry) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, e := range entries {
		h := &tar.Header{Name: e.Name, Mode: e.Mode, Size: int64(len(e.Text)), Typeflag: tar.TypeReg}
		switch {
		case e.Link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.Link
		case e.Text == nil:
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.Text); err != nil {
			return nil, err
		}
	}
	return archive.Bytes(), w.Close()
}

// Program builds a Go program of this module for Linux, static.
func Program(ctx context.Context, path string) (binary []byte, err error) {
	dir, err := os.MkdirTemp("", "testimage-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "program")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, path)
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", path, err, out)
	}
	return os.ReadFile(file)
}

// sampleJob is the program of the image that SampleJob builds.
const sampleJob = "github.com/runwith/runwith/examples/test-job"

// SampleJob builds an image of the sample job for this machine's architecture. Its
// entrypoint is /test-job.
func SampleJob(ctx context.Context) (v1.Image, error) {
	binary, err := Program(ctx, sampleJob)
	if err != nil {
		return nil, err
	}
	return New(runtime.GOARCH, v1.Config{Entrypoint: []string{"/test-job"}}, Entry{Name: "test-job", Mode: 0o755, Text: binary})
}

// Archive writes an image, under a tag, as a daemon loads it. The caller closes the
// reader.
func Archive(tag string, image v1.Image) (io.ReadCloser, error) {
	ref, err := name.NewTag(tag)
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(tarball.Write(ref, image, writer)) }()
	return reader, nil
}
