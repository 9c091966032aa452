// Package image builds container images without Docker: the project's own, and those that
// its tests use. Builds are reproducible: the same files give the same digest.
package image

import (
	"archive/tar"
	"bytes"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Entry is a file in an image. With Link it is a symbolic link, and without Text a folder.
// Its modification time is 1970, because a real time would change the digest.
type Entry struct {
	Name, Link string
	Text       []byte
	Mode       int64
	Owner      int // user and group ID
}

// New builds an image for an architecture, such as amd64.
func New(arch string, config v1.Config, entries ...Entry) (v1.Image, error) {
	layer, err := newLayer(entries)
	if err != nil {
		return nil, err
	}
	return assemble(arch, config, empty.Image, layer)
}

// newLayer packs entries into a layer.
func newLayer(entries []Entry, options ...tarball.LayerOption) (v1.Layer, error) {
	archive, err := pack(entries)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, options...)
}

// assemble adds a layer and a configuration to an image.
func assemble(arch string, config v1.Config, base v1.Image, layer v1.Layer) (v1.Image, error) {
	image, err := mutate.AppendLayers(base, layer)
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

// pack writes entries to a tar archive.
func pack(entries []Entry) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, e := range entries {
		h := &tar.Header{Name: e.Name, Mode: e.Mode, Size: int64(len(e.Text)), Typeflag: tar.TypeReg, Uid: e.Owner, Gid: e.Owner}
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
