// Package image builds container images without a Docker: those of the project, and
// those of its tests. What goes in comes out, byte for byte: two builds of the same
// files have the same digest.
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

// Entry is a file of an image; a link where Link is set, a folder where Text is nil.
// Its time is 1970.
type Entry struct {
	Name, Link string
	Text       []byte
	Mode       int64
	Owner      int // the user and group; 0 is root
}

// New builds an image for an architecture, such as amd64.
func New(arch string, config v1.Config, entries ...Entry) (v1.Image, error) {
	layer, err := newLayer(entries)
	if err != nil {
		return nil, err
	}
	return assemble(arch, config, empty.Image, layer)
}

// newLayer packs entries.
func newLayer(entries []Entry, options ...tarball.LayerOption) (v1.Layer, error) {
	archive, err := pack(entries)
	if err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, options...)
}

// assemble adds a layer and a configuration to an empty image.
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

// pack makes an archive of entries.
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
