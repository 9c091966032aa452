package container

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/jobspec"
)

// launch places an attempt. On an error nothing runs, and its containers are removed.
func (r *Runner) launch(ctx context.Context, a *attempt, spec runner.Spec, out runner.Output) (err error) {
	l := &launch{Runner: r, attempt: a, spec: spec, out: out}
	defer func() {
		if err != nil {
			r.doubt(a.ID, runwith.CodeOf(err) == runwith.Unavailable)
			r.abandon(a)
		}
	}()
	if err := l.prepare(ctx); err != nil {
		return err
	}
	containers := spec.Template.GetContainers()
	for _, i := range runner.StartOrder(containers) {
		if main := a.main(); main != nil && runner.IsClosed(main.ended) {
			break // the task is over
		}
		if err := l.start(ctx, i); err != nil {
			return err
		}
	}
	r.background.Go(func() { r.supervise(a) })
	return nil
}

// launch is an attempt that is being placed.
type launch struct {
	*Runner
	attempt *attempt
	spec    runner.Spec
	out     runner.Output
	owner   string            // the container whose network all share
	place   int               // position of the next container in the order of start, from 0
	shared  map[string]string // names of the volumes that several containers share, by the template's names
}

// prepare removes forgotten containers and makes the shared volumes.
func (l *launch) prepare(ctx context.Context) error {
	if l.spec.ID.Incarnation > 0 || l.doubt(l.spec.ID, false) {
		if err := l.endForgotten(ctx, l.spec.ID); err != nil {
			return unavailable(err)
		}
	}
	return l.makeVolumes(ctx)
}

// start makes one container of the template, starts it, and returns when it is up.
func (l *launch) start(ctx context.Context, i int) error {
	c := l.spec.Template.Containers[i]
	fail := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return startError(i, c.GetImage(), err)
	}
	options, files, err := l.options(i)
	if err != nil {
		return err
	}
	made, err := l.create(ctx, options)
	if err != nil {
		return fail(err)
	}
	m := newMember(made.ID, c.GetName(), i == runner.MainOf(l.spec.Template.Containers), l.out.Of(i))
	l.attempt.add(m)
	if err := l.copyFiles(ctx, m, files); err != nil {
		return fail(err)
	}
	attached, refused := l.daemon.ContainerAttach(ctx, m.id, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	switch {
	case refused == nil:
		m.conn = &attached.HijackedResponse
	case away(refused) || ctx.Err() != nil:
		return fail(refused)
	}
	// Podman makes a container's process when it is attached to, and only the start reports why it
	// could not. If the start succeeds after all, the output is read from the daemon's record.
	if _, err := l.daemon.ContainerStart(ctx, m.id, client.ContainerStartOptions{}); err != nil {
		return fail(err)
	}
	if refused != nil {
		l.log.Warn("output is read from the daemon's record, because attaching failed", "attempt", l.spec.ID.String(), "error", refused)
	}
	m.followed = true
	if m.main {
		l.attempt.Runs(time.Now())
	}
	l.followInBackground(l.attempt, m)
	if l.owner == "" {
		l.owner = m.id
	}
	l.place++
	return l.probe(ctx, i, m)
}

// kept returns the value of keptLabel: how much earlier incarnations of a container
// printed. It is empty for nothing.
func (l *launch) kept(i int) (string, error) {
	out := l.out.Of(i)
	if l.spec.ID.Incarnation == 0 || out.Kept == nil {
		return "", nil
	}
	stdout, stderr, err := out.Kept()
	if err != nil {
		return "", fmt.Errorf("measure earlier output: %w", err)
	}
	return formatKept(stdout.Lines, stderr.Lines), nil
}

// createTimeout is how long a daemon has to make a container. A container that it makes
// later is found by its label.
const createTimeout = time.Minute

// create makes a container. It pulls the image if the daemon does not have it.
func (l *launch) create(ctx context.Context, o client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	made, err := l.createNow(ctx, o)
	if !cerrdefs.IsNotFound(err) || l.config.Pull == PullNever {
		return made, err
	}
	if err := l.images.pull(ctx, l.Runner, o.Config.Image); err != nil {
		return made, err
	}
	return l.createNow(ctx, o)
}

// createNow makes a container even if the caller stops waiting, so that the container is
// known and can be removed.
func (l *launch) createNow(ctx context.Context, o client.ContainerCreateOptions) (client.ContainerCreateResult, error) {
	if err := ctx.Err(); err != nil {
		return client.ContainerCreateResult{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	return l.daemon.ContainerCreate(ctx, o)
}

// options returns the daemon's options for a container, and the files to copy into it.
func (l *launch) options(i int) (o client.ContainerCreateOptions, files []file, err error) {
	c := l.spec.Template.Containers[i]
	env, err := l.config.Secrets.Env(i, c)
	if err != nil {
		return o, nil, err
	}
	kept, err := l.kept(i)
	if err != nil {
		return o, nil, err
	}
	l.host.addTo(env, l.config.MetadataProxy)
	maps.Copy(env, l.spec.Env)
	config := &container.Config{
		Image: c.GetImage(), WorkingDir: c.GetWorkingDir(), Env: environment(env),
		AttachStdout: true, AttachStderr: true, StopSignal: "SIGTERM",
		Labels: l.labels(l.spec.ID, map[string]string{
			roleLabel: roleOf(l.spec.Template.Containers, i), keptLabel: kept,
			indexLabel: strconv.Itoa(i), placeLabel: strconv.Itoa(l.place), countLabel: strconv.Itoa(len(l.spec.Template.Containers)),
		}),
	}
	// A set entrypoint, even an empty one, drops the image's command.
	// https://cloud.google.com/run/docs/configuring/jobs/containers
	if len(c.GetCommand()) > 0 {
		config.Entrypoint = c.GetCommand()
	}
	if len(c.GetArgs()) > 0 {
		config.Cmd = c.GetArgs()
	}
	host := &container.HostConfig{
		NetworkMode: l.networkMode(), LogConfig: l.logConfig(), Resources: l.resources(c.GetResources()),
	}
	if files, err = l.mount(host, i); err != nil {
		return o, nil, err
	}
	return client.ContainerCreateOptions{Config: config, HostConfig: host, Name: nameOf(l.spec.ID, c.GetName())}, files, nil
}

func environment(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// networkMode puts the first container on the network, and the others into the first
// one's network namespace: the containers of a task reach each other at localhost.
func (l *launch) networkMode() container.NetworkMode {
	if l.owner != "" {
		return container.NetworkMode("container:" + l.owner)
	}
	return container.NetworkMode(l.config.Network)
}

// noLimit overrides a maximum size of the record in the daemon's configuration: a
// petabyte. There is no word for "unlimited".
const noLimit = "1p"

// logConfig makes the daemon keep a complete record of the output that can be read at
// any time.
func (l *launch) logConfig() container.LogConfig {
	c := container.LogConfig{Type: "json-file"}
	if !l.daemon.podman { // Podman has no limit by default
		c.Config = map[string]string{"max-size": noLimit}
	}
	return c
}

// resources returns the limits of a container: no swap, as on Cloud Run, and at most the
// CPUs that the machine has.
func (l *launch) resources(r *runpb.ResourceRequirements) container.Resources {
	milli, memory := jobspec.CPUAndMemory(r)
	return container.Resources{
		NanoCPUs: min(milli*1e6, int64(l.daemon.cpus)*1e9),
		Memory:   memory, MemorySwap: memory,
	}
}

func roleOf(containers []*runpb.Container, i int) string {
	if i == runner.MainOf(containers) {
		return roleMain
	}
	return roleSide
}
