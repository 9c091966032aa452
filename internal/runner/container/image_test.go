//go:build unix

package container

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/client"
)

// The images of the tests, which they build themselves.
const (
	// hostImage has nothing but links to the machine's /usr, which is mounted.
	hostImage = "localhost/runwith-test/host:1"
	// jobImage is the sample job, as a static program and nothing else.
	jobImage = "localhost/runwith-test/job:1"
	// bareImage is the same without a command.
	bareImage = "localhost/runwith-test/bare:1"
	// foreignImage is for another architecture.
	foreignImage = "localhost/runwith-test/foreign:1"
)

// entry is a file, link or folder of an image.
type entry struct {
	name, link string
	text       []byte
	mode       int64
}

// layerOf builds an image's one layer.
func layerOf(t *testing.T, entries []entry) v1.Layer {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
		switch {
		case e.link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		case e.text == nil:
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

// imageOf builds an image of these entries.
func imageOf(t *testing.T, arch string, config v1.Config, entries ...entry) v1.Image {
	t.Helper()
	image, err := mutate.AppendLayers(empty.Image, layerOf(t, entries))
	if err == nil {
		image, err = mutate.ConfigFile(image, configOf(t, image, arch, config))
	}
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func configOf(t *testing.T, image v1.Image, arch string, config v1.Config) *v1.ConfigFile {
	t.Helper()
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", arch, config
	return file
}

// load hands an image to the daemon.
func load(t *testing.T, c *client.Client, tag string, image v1.Image) {
	t.Helper()
	ref, err := name.NewTag(tag)
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(tarball.Write(ref, image, writer)) }()
	reply, err := c.ImageLoad(context.WithoutCancel(t.Context()), reader)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if _, err := io.Copy(io.Discard, reply); err != nil {
		t.Fatal(err)
	}
}

// testImages are loaded once.
type testImages struct {
	once   sync.Once
	binary []byte // the sample job
}

func (i *testImages) load(t *testing.T, c *client.Client) {
	t.Helper()
	i.once.Do(func() {
		host := imageOf(t, runtime.GOARCH, v1.Config{},
			entry{name: "usr/", mode: 0o755}, entry{name: "tmp/", mode: 0o777}, entry{name: "etc/", mode: 0o755},
			entry{name: "bin", link: "usr/bin"}, entry{name: "lib", link: "usr/lib"}, entry{name: "lib64", link: "usr/lib64"})
		load(t, c, hostImage, host)
		i.binary = buildJob(t)
		load(t, c, jobImage, i.job(t, runtime.GOARCH, v1.Config{Entrypoint: []string{"/test-job"}, Cmd: []string{"of-the-image"}}))
		load(t, c, bareImage, i.job(t, runtime.GOARCH, v1.Config{}))
		other := map[string]string{"amd64": "arm64"}[runtime.GOARCH]
		if other == "" {
			other = "amd64"
		}
		foreign := imageOf(t, other, v1.Config{Entrypoint: []string{"/program"}},
			entry{name: "program", mode: 0o755, text: []byte("\x7fELF of another machine")})
		load(t, c, foreignImage, foreign)
	})
}

func (i *testImages) job(t *testing.T, arch string, config v1.Config) v1.Image {
	t.Helper()
	return imageOf(t, arch, config, entry{name: "test-job", mode: 0o755, text: i.binary})
}

// buildJob builds the sample job.
func buildJob(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test-job")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/runwith/runwith/examples/test-job")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the sample job: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}
