package image

import (
	"context"
	"io"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// SampleJob builds the image of the sample job for this machine's architecture.
func SampleJob(ctx context.Context) (v1.Image, error) { return Job().Build(ctx, runtime.GOARCH) }

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
