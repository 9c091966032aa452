package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// prepares reports whether Prepare has work to do. It has none if all images were
// inspected a moment ago and can run.
func (r *Runner) prepares(template *runpb.TaskTemplate) bool {
	for i, c := range template.GetContainers() {
		image, seen := r.images.recent(c.GetImage())
		if !seen || r.config.Pull == PullAlways || r.checkImage(i, c, image) != nil {
			return true
		}
	}
	return template == nil
}

// Prepare implements [runner.Runner]. It gets the images of a template, once for each
// execution. Its error has the registry's words. It is UNAVAILABLE if the daemon does not
// answer.
func (r *Runner) Prepare(ctx context.Context, template *runpb.TaskTemplate) error {
	for i, c := range template.GetContainers() {
		if err := r.prepareImage(ctx, i, c); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) prepareImage(ctx context.Context, i int, c *runpb.Container) error {
	if r.config.Pull == PullAlways {
		if err := r.images.pull(ctx, r, c.GetImage()); err != nil {
			return err
		}
	}
	image, err := r.images.look(ctx, r.daemon, c.GetImage())
	if cerrdefs.IsNotFound(err) && r.config.Pull == PullMissing {
		if err := r.images.pull(ctx, r, c.GetImage()); err != nil {
			return err
		}
		image, err = r.images.look(ctx, r.daemon, c.GetImage())
	}
	if err != nil {
		return imageError(c.GetImage(), err)
	}
	return r.checkImage(i, c, image)
}

// checkImage returns why an image cannot run here.
func (r *Runner) checkImage(i int, c *runpb.Container, image seenImage) error {
	switch {
	case image.arch != "" && image.arch != r.daemon.arch && !r.daemon.emulates(image.arch):
		return runner.Refuse(fmt.Sprintf("containers[%d].image", i),
			"image %q is for %s/%s, and this machine runs linux/%s; build it for linux/%[4]s, or install an emulator (qemu-user-static)",
			c.GetImage(), image.os, image.arch, r.daemon.arch)
	case image.idle && len(c.GetCommand())+len(c.GetArgs()) == 0:
		return runner.Refuse(fmt.Sprintf("containers[%d].command", i),
			"image %q has neither an entrypoint nor a command; set a command", c.GetImage())
	}
	return nil
}

// imageError returns why there is no image. It begins with Cloud Run's words.
func imageError(image string, err error) error {
	e := &runwith.Error{Code: runwith.FailedPrecondition, Err: err}
	switch message := messageOf(err); {
	case away(err):
		return unavailable(err)
	case cerrdefs.IsNotFound(err), unknown(message): // Podman sends no error code for it
		e.Message = fmt.Sprintf("Image '%s' not found. %s", image, message)
	default:
		e.Message = fmt.Sprintf("Image '%s' cannot be pulled. %s", image, message)
	}
	return e
}

// unknown reports whether a registry does not have an image.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
func unknown(message string) bool {
	return strings.Contains(message, "manifest unknown") || strings.Contains(message, "name unknown")
}

// images are the pulls in progress and a cache of images. Callers that want the same
// image share one pull. The zero value is empty.
type images struct {
	mu    sync.Mutex
	pulls map[string]*pulling
	seen  map[string]seenImage
}

// seenImage is what the daemon knows of an image.
type seenImage struct {
	at       time.Time
	os, arch string
	idle     bool // it has neither an entrypoint nor a command
}

const (
	// seenFor is how long an entry of the cache is valid: an inspection takes Podman 4
	// ms of CPU. If somebody removes the image meanwhile, only the creation of the
	// container notices.
	seenFor = 10 * time.Second
	// maxSeen bounds the cache.
	maxSeen = 1000
)

// recent returns an image from the cache.
func (p *images) recent(image string) (seen seenImage, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen = p.seen[image]
	return seen, time.Since(seen.at) < seenFor
}

// look inspects an image and adds it to the cache.
func (p *images) look(ctx context.Context, d *daemon, image string) (seenImage, error) {
	seen := seenImage{at: time.Now()}
	found, err := d.ImageInspect(ctx, image)
	if err != nil {
		return seenImage{}, err
	}
	seen.os, seen.arch = found.Os, found.Architecture
	seen.idle = found.Config != nil && len(found.Config.Entrypoint)+len(found.Config.Cmd) == 0
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil || len(p.seen) >= maxSeen {
		p.seen = make(map[string]seenImage)
	}
	p.seen[image] = seen
	return seen, nil
}

// forget removes an image from the cache.
func (p *images) forget(image string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.seen, image)
}

type pulling struct {
	done chan struct{}
	err  error
}

// pull makes the daemon pull an image. When ctx ends first, the pull goes on for other
// callers.
func (p *images) pull(ctx context.Context, r *Runner, image string) error {
	p.mu.Lock()
	now := p.pulls[image]
	if now == nil {
		if p.pulls == nil {
			p.pulls = make(map[string]*pulling)
		}
		now = &pulling{done: make(chan struct{})}
		p.pulls[image] = now
		r.background.Go(func() {
			now.err = r.pullImage(r.life, image)
			p.mu.Lock()
			delete(p.pulls, image)
			p.mu.Unlock()
			close(now.done)
		})
	}
	p.mu.Unlock()
	select {
	case <-now.done:
		return now.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Runner) pullImage(ctx context.Context, image string) error {
	auth, err := credentials(image)
	if err != nil {
		return &runwith.Error{
			Code:    runwith.FailedPrecondition,
			Message: fmt.Sprintf("Image '%s' cannot be pulled. The credentials for its registry cannot be read: %v", image, err), Err: err,
		}
	}
	defer r.images.forget(image) // at the end, because somebody may inspect the image meanwhile
	begun := time.Now()
	r.log.Info("pulling image", "image", image)
	reply, err := r.daemon.ImagePull(ctx, image, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return imageError(image, err)
	}
	progress := progress{begun: begun, told: begun}
	for message, err := range reply.JSONMessages(ctx) {
		switch {
		case err != nil:
			return imageError(image, err)
		case message.Error != nil:
			return imageError(image, pullError(message.Error))
		}
		if progress.add(message) {
			r.log.Info("pulling image", "image", image, "bytes", progress.bytes(), "layers", len(progress.layers), "status", message.Status)
		}
	}
	r.log.Info("pulled image", "image", image, "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// pullError gives an error within a stream the kind that a status code has elsewhere.
func pullError(e *jsonstream.Error) error {
	if e.Code == 404 {
		return cerrdefs.ErrNotFound.WithMessage(e.Message)
	}
	return errors.New(e.Message)
}

// tellEvery is the pause between two log lines about a pull.
const tellEvery = 5 * time.Second

// progress is the progress of a pull.
type progress struct {
	begun, told time.Time
	layers      map[string]int64 // bytes received, by layer
}

// add counts a message, and reports whether to log the progress now.
func (p *progress) add(m jsonstream.Message) bool {
	if m.Progress != nil && m.ID != "" {
		if p.layers == nil {
			p.layers = make(map[string]int64)
		}
		p.layers[m.ID] = max(p.layers[m.ID], m.Progress.Current)
	}
	if time.Since(p.told) < tellEvery {
		return false
	}
	p.told = time.Now()
	return true
}

func (p *progress) bytes() (n int64) {
	for _, layer := range p.layers {
		n += layer
	}
	return n
}

// credentials returns the credentials for an image's registry from Docker's
// configuration, in the daemon's format. It is empty if there are none.
func credentials(image string) (string, error) {
	ref, err := name.ParseReference(image)
	if err != nil {
		return "", err
	}
	found, err := authn.DefaultKeychain.Resolve(ref.Context())
	if err != nil || found == authn.Anonymous {
		return "", err
	}
	auth, err := found.Authorization()
	if err != nil {
		return "", err
	}
	return authconfig.Encode(registry.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
		ServerAddress: ref.Context().RegistryStr(),
	})
}
