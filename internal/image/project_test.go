package image

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/runwith/runwith/internal/testneed"
)

// maxSize is the largest size of an image in a registry, in bytes.
const maxSize = 30 << 20

// index builds an image for all architectures.
func index(t *testing.T, p Project) (v1.ImageIndex, []v1.Image) {
	t.Helper()
	var images []v1.Image
	for _, arch := range Architectures() {
		built, err := p.Build(t.Context(), arch)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, built)
	}
	joined, err := Index(images...)
	if err != nil {
		t.Fatal(err)
	}
	return joined, images
}

// TestProjects checks that builds are reproducible and complete: both architectures, a small
// static binary, and an unprivileged user.
func TestProjects(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	for _, p := range []Project{Job(), API(), Documents()} {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			joined, images := index(t, p)
			again, _ := index(t, p)
			first, err1 := joined.Digest()
			second, err2 := again.Digest()
			if err := errors.Join(err1, err2); err != nil || first != second {
				t.Errorf("two builds: digests %s and %s, %v, want equal digests", first, second, err)
			}
			manifest, err := joined.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			var platforms []string
			for _, m := range manifest.Manifests {
				platforms = append(platforms, m.Platform.String())
			}
			if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
				t.Errorf("platforms (-want +got):\n%s", diff)
			}
			for i, built := range images {
				checkImage(t, p, Architectures()[i], built)
			}
		})
	}
}

// elf maps an architecture to its value of e_machine.
var elf = map[string]byte{"amd64": 0x3e, "arm64": 0xb7}

func checkImage(t *testing.T, p Project, arch string, built v1.Image) {
	t.Helper()
	size, err := Size(built)
	if err != nil || size > maxSize || size < 100<<10 {
		t.Errorf("image for %s: size = %d, %v, want at most %d", arch, size, err, maxSize)
	}
	file, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if uid, _, _ := strings.Cut(file.Config.User, ":"); uid == "" || uid == "0" || uid == "root" {
		t.Errorf("image for %s: user = %q, want an unprivileged user", arch, file.Config.User)
	}
	if !file.Created.IsZero() || file.Architecture != arch {
		t.Errorf("image for %s: created = %v, architecture = %s, want no time and that architecture", arch, file.Created, file.Architecture)
	}
	content := contentOf(t, built)
	program := strings.TrimPrefix(p.Config.Entrypoint[0], "/")
	if binary := content[program].text; len(binary) < 20 || binary[18] != elf[arch] || bytes.Contains(binary, []byte("/ld-linux")) {
		t.Errorf("image for %s: the program of %d bytes is not static, or is for another architecture", arch, len(binary))
	}
	if p.Name != API().Name {
		return
	}
	data := content["data"].header
	if data == nil {
		t.Fatal("the image has no data folder")
	}
	if data.Mode != 0o700 {
		t.Errorf("mode of the data folder = %o, want 700", data.Mode)
	}
	if data.Uid != User {
		t.Errorf("user of the data folder = %d, want %d", data.Uid, User)
	}
	if data.Gid != User {
		t.Errorf("group of the data folder = %d, want %d", data.Gid, User)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content["etc/ssl/certs/ca-certificates.crt"].text) {
		t.Error("the image has no certificate authorities")
	}
}

// packed is a file in an image.
type packed struct {
	header *tar.Header
	text   []byte
}

func contentOf(t *testing.T, built v1.Image) map[string]packed {
	t.Helper()
	archive := mutate.Extract(built)
	defer archive.Close()
	content := map[string]packed{}
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return content
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.ModTime.Unix() != 0 {
			t.Errorf("%s: modification time = %v, want 1970, because a real time changes the digest", h.Name, h.ModTime)
		}
		content[strings.TrimSuffix(h.Name, "/")] = packed{h, text}
	}
}
