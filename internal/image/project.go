package image

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// User is the user and group ID that the project's images run as. It has no privileges.
const User = 65532

// Project is one of the project's images.
type Project struct {
	Name   string // the name that the scripts in deploy/ use
	Config v1.Config
	path   string  // import path of the program
	binary string  // its path in the image
	files  []Entry // other files in the image
}

// Job is the image of the sample job.
func Job() Project {
	return Project{
		Name:   "test-invoke-job",
		Config: v1.Config{User: user(), Entrypoint: []string{"/test-job"}},
		path:   "github.com/runwith/runwith/examples/test-job",
		binary: "test-job",
	}
}

// API is the image of runwith itself. Its default command is serve, the invoker.
func API() Project {
	return Project{
		Name: "test-invoke-job-api-svc",
		Config: v1.Config{
			User: user(), Env: []string{"XDG_DATA_HOME=/data"}, ExposedPorts: map[string]struct{}{"8080/tcp": {}},
			Entrypoint: []string{"/runwith"}, Cmd: []string{"serve"},
		},
		path:   "github.com/runwith/runwith/cmd/runwith",
		binary: "runwith",
		files: append([]Entry{
			{Name: "data", Mode: 0o700, Owner: User},
			{Name: "tmp", Mode: 0o1777},
		}, trust()...),
	}
}

// Documents is the image of examples/documents: its API and its job.
func Documents() Project {
	return Project{
		Name: "documents",
		Config: v1.Config{
			User: user(), ExposedPorts: map[string]struct{}{"8080/tcp": {}}, Entrypoint: []string{"/documents"},
		},
		path:   "github.com/runwith/runwith/examples/documents",
		binary: "documents",
		files:  trust(),
	}
}

// Thumbnails is the image of the job of examples/thumbnails.
func Thumbnails() Project {
	return Project{
		Name:   "thumbnails",
		Config: v1.Config{User: user(), Entrypoint: []string{"/thumbnails", "job"}},
		path:   "github.com/runwith/runwith/examples/thumbnails",
		binary: "thumbnails",
	}
}

// trust returns the file with the certificate authorities, and its folders.
func trust() []Entry {
	return []Entry{
		{Name: "etc", Mode: 0o755}, {Name: "etc/ssl", Mode: 0o755}, {Name: "etc/ssl/certs", Mode: 0o755},
		{Name: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Text: authorities()},
	}
}

// Architectures lists the architectures of the project's images.
func Architectures() []string { return []string{"amd64", "arm64"} }

func user() string { return fmt.Sprintf("%d:%[1]d", User) }

// authorities returns Mozilla's certificate authorities in PEM. It leaves out those that are
// trusted only under a condition, because a PEM file cannot state one.
func authorities() []byte {
	var file bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			file.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return file.Bytes()
}

// Build builds the image for an architecture, such as amd64, in the OCI format.
func (p Project) Build(ctx context.Context, arch string) (v1.Image, error) {
	binary, err := Program(ctx, p.path, arch)
	if err != nil {
		return nil, err
	}
	entries := append([]Entry{{Name: p.binary, Mode: 0o755, Text: binary}}, p.files...)
	layer, err := newLayer(entries, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	return assemble(arch, p.Config, base, layer)
}

// Index joins images of different architectures into one multi-architecture image.
func Index(images ...v1.Image) (v1.ImageIndex, error) {
	var index v1.ImageIndex = empty.Index
	for _, image := range images {
		file, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: file.Platform()}})
	}
	return index, nil
}

// Size returns the size of an image in a registry, in bytes.
func Size(image v1.Image) (bytes int64, err error) {
	manifest, err := image.Manifest()
	if err != nil {
		return 0, err
	}
	bytes = manifest.Config.Size
	for _, layer := range manifest.Layers {
		bytes += layer.Size
	}
	return bytes, nil
}
