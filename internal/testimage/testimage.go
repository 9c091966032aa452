// Package testimage builds the container images of tests and benchmarks, so that no test
// has to pull one.
package testimage

import (
	"context"
	"io"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/runwith/runwith/internal/image"
)

// Entry is a file of an image.
type Entry = image.Entry

// New builds an image for an architecture, such as amd64.
func New(arch string, config v1.Config, entries ...Entry) (v1.Image, error) {
	return image.New(arch, config, entries...)
}

// Program builds a static binary of a Go program in this module, for Linux.
func Program(ctx context.Context, path string) (binary []byte, err error) {
	return image.Program(ctx, path, runtime.GOARCH)
}

// sampleJob is the import path of the program in SampleJob's image.
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

// Host builds an image that contains only links into /usr. Mount this machine's /usr there
// to give a task a shell; /tmp may be mounted too.
func Host() (v1.Image, error) {
	folder := func(name string, mode int64) Entry { return Entry{Name: name, Mode: mode} }
	link := func(name string) Entry { return Entry{Name: name, Link: "usr/" + name} }
	return New(runtime.GOARCH, v1.Config{},
		folder("usr/", 0o755), folder("tmp/", 0o777), folder("etc/", 0o755), link("bin"), link("lib"), link("lib64"))
}

// Archive returns an image as an archive that docker load reads, with a tag. The caller
// closes the reader.
func Archive(tag string, image v1.Image) (io.ReadCloser, error) {
	ref, err := name.NewTag(tag)
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(tarball.Write(ref, image, writer)) }()
	return reader, nil
}
