package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/moby/moby/api/pkg/stdcopy"
	api "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/image"
)

const (
	// containerTarget bounds a run in a container, as a multiple of the bare API's calls.
	// manyTarget bounds the runs of eight clients in the same way.
	containerTarget, manyTarget = 1.3, 1.0
	// containerRuns is the largest number of measurements, because each takes a good part of
	// a second.
	containerRuns = 25

	// containerPause is the time for the daemon's own processes to finish with removed
	// containers, so that they do not slow the next measurement.
	containerPause = time.Second

	containerImage = "localhost/runwith-bench/job:1"
	containerFloor = "create, attach, start, read, inspect"
	containerJob   = "container"
)

// measureContainers measures runs in containers if a Docker or Podman answers.
func measureContainers(ctx context.Context, b *bench) (_ []row, err error) {
	host, err := b.findDocker()
	if err != nil {
		fmt.Fprintf(b.progress, "not measured: %v\n", err)
		return nil, nil
	}
	bare, err := openBare(ctx, host)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bare.Close()) }()
	up, err := start(ctx, nil, readyLine, "env", "DOCKER_HOST="+host, b.binary,
		"up", "--addr", "127.0.0.1:0", "--runner", "container", "--data", filepath.Join(b.dir, "containers"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, up.stop()) }()
	c, err := dial(ctx, up.addr)
	if err != nil {
		return nil, err
	}
	defer c.close() //nolint:errcheck // nothing is under way
	if err := c.create(ctx, containerJob, containerTemplate()); err != nil {
		return nil, err
	}
	return compareContainers(ctx, b, c, bare)
}

func containerTemplate() *runpb.ExecutionTemplate {
	return &runpb.ExecutionTemplate{TaskCount: 1, Template: &runpb.TaskTemplate{
		Retries:    &runpb.TaskTemplate_MaxRetries{MaxRetries: 0},
		Containers: []*runpb.Container{{Image: containerImage}},
	}}
}

func compareContainers(ctx context.Context, b *bench, c *cloudRun, bare *bareAPI) ([]row, error) {
	runOne := func(ctx context.Context) error { return c.run(ctx, containerJob) }
	times, err := interleave(ctx, plan{min(containerRuns, b.n), 1}, timed(bare.run), timed(runOne))
	if err != nil {
		return nil, err
	}
	clients := b.clientsOr(8)
	each := func(f func(context.Context) error) probe {
		many := rate(clients, 4*clients, func(ctx context.Context, _ int) error { return f(ctx) })
		return func(ctx context.Context) (float64, error) {
			perSecond, err := many(ctx)
			return perSecond, errors.Join(err, bare.removed(ctx), pause(ctx, containerPause))
		}
	}
	rates, err := interleave(ctx, plan{min(rounds, b.n), 1}, each(bare.run), each(runOne))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow("a container, RunJob to done", seconds, times[1]).beside(containerFloor, times[0]).times(containerTarget),
		newRow(fmt.Sprintf("containers, %d clients", clients), perSecond, rates[1]).
			beside(fmt.Sprintf("%s, %d goroutines", containerFloor, clients), rates[0]).times(manyTarget),
	}, nil
}

// findDocker returns the address of a listening daemon: the given one, or a usual one.
func (b *bench) findDocker() (string, error) {
	hosts := []string{"unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"}
	if b.docker != "" {
		hosts = []string{b.docker}
	}
	var errs []error
	for _, host := range hosts {
		conn, err := net.Dial("unix", strings.TrimPrefix(host, "unix://"))
		if err == nil {
			return host, conn.Close()
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("no Docker or Podman answers; name its address with -docker: %w", errors.Join(errs...))
}

// bareAPI makes the calls of the container runner, and nothing else. Its methods may be
// called concurrently.
type bareAPI struct {
	*client.Client
	removals sync.WaitGroup
	failed   atomic.Pointer[error]
}

// openBare connects to a daemon and gives it the image. The caller closes it.
func openBare(ctx context.Context, host string) (_ *bareAPI, err error) {
	c, err := client.New(client.WithHost(host))
	if err != nil {
		return nil, err
	}
	b := &bareAPI{Client: c}
	if err := b.load(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return b, nil
}

func (b *bareAPI) load(ctx context.Context) error {
	sample, err := image.SampleJob(ctx)
	if err != nil {
		return err
	}
	archive, err := image.Archive(containerImage, sample)
	if err != nil {
		return err
	}
	defer archive.Close()
	reply, err := b.ImageLoad(ctx, archive)
	if err != nil {
		return err
	}
	defer reply.Close()
	_, err = io.Copy(io.Discard, reply)
	return err
}

// run runs one container to its end, on the same network as a task's.
func (b *bareAPI) run(ctx context.Context) error {
	made, err := b.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &api.Config{Image: containerImage, AttachStdout: true, AttachStderr: true},
		HostConfig: &api.HostConfig{
			LogConfig: api.LogConfig{Type: "json-file"},
			Resources: api.Resources{NanoCPUs: 1e9, Memory: 512 << 20, MemorySwap: 512 << 20},
		},
	})
	if err != nil {
		return err
	}
	attached, err := b.ContainerAttach(ctx, made.ID, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer attached.Close()
	if _, err := b.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return err
	}
	if _, err := stdcopy.StdCopy(io.Discard, io.Discard, attached.Reader); err != nil {
		return err
	}
	for wait := (backoff.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}); ; { // asking without a pause would slow the daemon
		reply, err := b.ContainerInspect(ctx, made.ID, client.ContainerInspectOptions{})
		if err != nil {
			return err
		}
		if s := reply.Container.State.Status; s == api.StateExited || s == "stopped" { // Podman reports stopped for a moment
			break
		}
		if err := pause(ctx, wait.Next()); err != nil {
			return err
		}
	}
	// The measurement does not include the removal.
	b.removals.Go(func() {
		if _, err := b.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true}); err != nil && ctx.Err() == nil {
			b.failed.Store(&err)
		}
	})
	return nil
}

// removed waits until all containers are removed, so that one turn does not slow the next.
func (b *bareAPI) removed(ctx context.Context) error {
	b.removals.Wait()
	for {
		left, err := b.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("label", "runwith.folder")})
		if err != nil || len(left.Items) == 0 {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// Close waits until all containers are removed.
func (b *bareAPI) Close() error {
	b.removals.Wait()
	err := b.Client.Close()
	if failed := b.failed.Load(); failed != nil {
		err = errors.Join(err, *failed)
	}
	return err
}
