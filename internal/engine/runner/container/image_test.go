//go:build unix

package container

import (
	"context"
	"io"
	"runtime"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/image"
)

// The images of the tests, which they build themselves.
const (
	// hostImage has what [image.Host] has.
	hostImage = "localhost/runwith-test/host:1"
	// suiteImage is the program of package runnertest.
	suiteImage = "localhost/runwith-test/suite:1"
	// jobImage is the sample job, as a static program and nothing else.
	jobImage = "localhost/runwith-test/job:1"
	// bareImage is the same without a command.
	bareImage = "localhost/runwith-test/bare:1"
	// foreignImage is for another architecture.
	foreignImage = "localhost/runwith-test/foreign:1"
)

// testImages are loaded once.
type testImages struct {
	once   sync.Once
	binary []byte // the sample job
}

func (i *testImages) load(t *testing.T, c *client.Client) {
	t.Helper()
	i.once.Do(func() {
		var err error
		if i.binary, err = image.Program(t.Context(), "github.com/runwith/runwith/examples/test-job", runtime.GOARCH); err != nil {
			t.Fatal(err)
		}
		suite, err := image.Program(t.Context(), "github.com/runwith/runwith/internal/engine/runner/runnertest/program", runtime.GOARCH)
		if err != nil {
			t.Fatal(err)
		}
		other := "arm64"
		if runtime.GOARCH == other {
			other = "amd64"
		}
		for tag, image := range map[string]v1.Image{
			hostImage:    hostFiles(t),
			suiteImage:   imageOf(t, runtime.GOARCH, v1.Config{}, image.Entry{Name: "program", Mode: 0o755, Text: suite}),
			jobImage:     i.job(t, v1.Config{Entrypoint: []string{"/test-job"}, Cmd: []string{"of-the-image"}}),
			bareImage:    i.job(t, v1.Config{}),
			foreignImage: imageOf(t, other, v1.Config{Entrypoint: []string{"/program"}}, image.Entry{Name: "program", Text: []byte{0}}),
		} {
			loadImage(t, c, tag, image)
		}
	})
}

// hostFiles is the image hostImage.
func hostFiles(t *testing.T) v1.Image {
	t.Helper()
	image, err := image.Host()
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func imageOf(t *testing.T, arch string, config v1.Config, entries ...image.Entry) v1.Image {
	t.Helper()
	image, err := image.New(arch, config, entries...)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func (i *testImages) job(t *testing.T, config v1.Config) v1.Image {
	t.Helper()
	return imageOf(t, runtime.GOARCH, config, image.Entry{Name: "test-job", Mode: 0o755, Text: i.binary})
}

// loadImage hands an image to the daemon.
func loadImage(t *testing.T, c *client.Client, tag string, built v1.Image) {
	t.Helper()
	archive, err := image.Archive(tag, built)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	reply, err := c.ImageLoad(context.WithoutCancel(t.Context()), archive)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if _, err := io.Copy(io.Discard, reply); err != nil {
		t.Fatal(err)
	}
}
