package image

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// maxSize is that of an image in a registry, in bytes.
const maxSize = 30 << 20

// index builds a project's image for all architectures.
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

// Two builds have one digest, and what is built is small, for both architectures, and
// nobody's in particular.
func TestProject(t *testing.T) {
	t.Parallel()
	for _, p := range []Project{Job(), API()} {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			joined, images := index(t, p)
			again, _ := index(t, p)
			first, err1 := joined.Digest()
			second, err2 := again.Digest()
			if err := errors.Join(err1, err2); err != nil || first != second {
				t.Errorf("two builds have the digests %s and %s, %v, want the same", first, second, err)
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
				t.Errorf("the image's platforms are others (-want +got):\n%s", diff)
			}
			for i, built := range images {
				checkImage(t, p, Architectures()[i], built)
			}
		})
	}
}

// elf are the values of e_machine, by architecture.
var elf = map[string]byte{"amd64": 0x3e, "arm64": 0xb7}

func checkImage(t *testing.T, p Project, arch string, built v1.Image) {
	t.Helper()
	size, err := Size(built)
	if err != nil || size > maxSize || size < 100<<10 {
		t.Errorf("the image for %s has %d bytes, %v, want less than %d", arch, size, err, maxSize)
	}
	file, err := built.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if uid, _, _ := strings.Cut(file.Config.User, ":"); uid == "" || uid == "0" || uid == "root" {
		t.Errorf("the image for %s runs as user %q, want one who is not root", arch, file.Config.User)
	}
	if !file.Created.IsZero() || file.Architecture != arch {
		t.Errorf("the image for %s was created %v for %s, want no time, and that architecture", arch, file.Created, file.Architecture)
	}
	content := contentOf(t, built)
	program := strings.TrimPrefix(p.Config.Entrypoint[0], "/")
	if binary := content[program].text; len(binary) < 20 || binary[18] != elf[arch] || bytes.Contains(binary, []byte("/ld-linux")) {
		t.Errorf("the program in the image for %s has %d bytes and is not static, or not for it", arch, len(binary))
	}
	if p.Name != API().Name {
		return
	}
	if data := content["data"].header; data == nil || data.Mode != 0o700 || data.Uid != User || data.Gid != User {
		t.Errorf("the folder of the state is %+v, want it the user's own", data)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content["etc/ssl/certs/ca-certificates.crt"].text) {
		t.Error("the image has no certificate authorities")
	}
}

// packed is a file of an image.
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
			t.Errorf("%s has the time %v, want 1970: another build has another", h.Name, h.ModTime)
		}
		content[strings.TrimSuffix(h.Name, "/")] = packed{h, text}
	}
}

// A Dockerfile builds what is built here, by the Go that go.mod asks for.
func TestDockerfiles(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	for name, p := range map[string]Project{"Dockerfile.job": Job(), "Dockerfile.api": API()} {
		text, err := os.ReadFile(filepath.Join(root, "deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		base := fmt.Sprintf("FROM --platform=$BUILDPLATFORM golang:%s AS build", version[1])
		build := fmt.Sprintf("GOOS=linux GOARCH=$TARGETARCH \\\n    go build %s -o /root-of-image/%s .%s\n",
			strings.Replace(strings.Join(buildFlags(), " "), "=-s -w", `="-s -w"`, 1), p.binary, strings.TrimPrefix(p.path, "github.com/runwith/runwith"))
		_, last, _ := strings.Cut(string(text), "\nFROM scratch\n")
		want := []string{"USER " + p.Config.User, "ENTRYPOINT " + list(t, p.Config.Entrypoint)}
		for _, variable := range p.Config.Env {
			want = append(want, "ENV "+variable)
		}
		for port := range p.Config.ExposedPorts {
			want = append(want, "EXPOSE "+strings.TrimSuffix(port, "/tcp"))
		}
		if p.Config.Cmd != nil {
			want = append(want, "CMD "+list(t, p.Config.Cmd))
		}
		slices.Sort(want)
		var got []string
		for line := range strings.Lines(last) {
			if !strings.HasPrefix(line, "COPY ") {
				got = append(got, strings.TrimSpace(line))
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s makes another image (-want +got):\n%s", name, diff)
		}
		for _, part := range []string{base, build} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %q", name, part)
			}
		}
	}
}

func list(t *testing.T, words []string) string {
	t.Helper()
	text, err := json.Marshal(words)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), `","`, `", "`)
}
