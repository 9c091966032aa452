// Command images builds the project's container images for amd64 and arm64. It needs Go
// but no Docker. It writes them to a folder, and also to a registry or to this machine's
// Docker or Podman.
//
//	go run ./deploy/images --push us-east4-docker.pkg.dev/my-project/my-repository
//	go run ./deploy/images --load test-invoke-job
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/runwith/runwith/internal/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, image.Job(), image.API(), image.Documents(), image.Thumbnails()); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "images: %v\n", err)
		os.Exit(1)
	}
}

// target is the destination of the images.
type target struct {
	dir, registry, tag string
	load               bool
}

// run builds the images that the arguments name, by default all of them, and prints a line
// for each.
func run(ctx context.Context, args []string, stdout io.Writer, images ...image.Project) error {
	var to target
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	flags.StringVar(&to.dir, "out", filepath.Join("bin", "images"), "write to `DIR`: for each image an OCI layout, and for each architecture an archive for docker load")
	flags.StringVar(&to.registry, "push", "", "also push to `REGISTRY/REPOSITORY`, with the credentials of docker login or gcloud auth configure-docker")
	flags.BoolVar(&to.load, "load", false, "also load this machine's architecture into Docker, or into Podman if there is no Docker")
	flags.StringVar(&to.tag, "tag", "latest", "`TAG` of the images")
	var names []string
	for _, p := range images {
		names = append(names, p.Name)
	}
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "Usage: images [flags] [IMAGE...]\n\nImages (all of them without a name): %s\n\n", strings.Join(names, ", "))
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, name := range flags.Args() {
		if !slices.Contains(names, name) {
			return fmt.Errorf("unknown image %q: choose from %s", name, strings.Join(names, ", "))
		}
	}
	for _, p := range images {
		if flags.NArg() > 0 && !slices.Contains(flags.Args(), p.Name) {
			continue
		}
		if err := to.make(ctx, p, stdout); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

// make builds an image, writes it, and loads and pushes it if asked to.
func (to target) make(ctx context.Context, p image.Project, stdout io.Writer) error {
	tag, err := name.NewTag(p.Name + ":" + to.tag)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to.dir, 0o700); err != nil {
		return err
	}
	var images []v1.Image
	for _, arch := range image.Architectures() {
		built, err := p.Build(ctx, arch)
		if err != nil {
			return err
		}
		archive := filepath.Join(to.dir, p.Name+"-"+arch+".tar")
		if err := tarball.WriteToFile(archive, tag, built); err != nil {
			return err
		}
		size, err := image.Size(built)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s for linux/%s: %.1f MB compressed, %s\n", p.Name, arch, float64(size)/1e6, archive)
		images = append(images, built)
		if to.load && arch == runtime.GOARCH {
			if err := load(ctx, archive, stdout); err != nil {
				return err
			}
		}
	}
	return to.index(ctx, p.Name, images, stdout)
}

// load gives an archive to Docker, or to Podman if there is no Docker.
func load(ctx context.Context, archive string, stdout io.Writer) error {
	program := "docker"
	if _, err := exec.LookPath(program); err != nil {
		program = "podman"
	}
	cmd := exec.CommandContext(ctx, program, "load", "--input", archive)
	cmd.Stderr = os.Stderr
	said, err := cmd.Output()
	if said = bytes.TrimSpace(said); len(said) > 0 { // Podman's last line has no end
		fmt.Fprintf(stdout, "%s\n", said)
	}
	return err
}

// index joins the architectures into one image, then writes and pushes it.
func (to target) index(ctx context.Context, name string, images []v1.Image, stdout io.Writer) error {
	index, err := image.Index(images...)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	dir := filepath.Join(to.dir, name)
	if err := os.RemoveAll(dir); err != nil { // from an earlier build
		return err
	}
	if _, err := layout.Write(dir, index); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %s, %s\n", name, digest, dir)
	if to.registry == "" {
		return nil
	}
	return to.push(ctx, name, index, stdout)
}

// push sends an image to the registry.
func (to target) push(ctx context.Context, image string, index v1.ImageIndex, stdout io.Writer) error {
	ref, err := name.NewTag(to.registry + "/" + image + ":" + to.tag)
	if err != nil {
		return err
	}
	if err := remote.WriteIndex(ref, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "pushed %s\n", ref)
	return nil
}
