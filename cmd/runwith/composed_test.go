//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/image"
	"github.com/runwith/runwith/internal/testneed"
)

// composed does by hand what Compose does with deploy/compose.yaml, on a network and
// with volumes of its own.
type composed struct {
	*client.Client
	host, network string
	api, job      string            // the project's images
	ids           map[string]string // of containers, by service
}

// newComposed makes the network, and has the project's images.
func newComposed(t *testing.T) *composed {
	t.Helper()
	host := testneed.Daemon(t)
	c, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	name := "runwith-test-" + strings.ToLower(filepath.Base(filepath.Dir(t.TempDir())))
	d := &composed{Client: c, host: host, network: name, api: name + ":api", job: name + ":job", ids: map[string]string{}}
	t.Cleanup(func() { d.down(context.WithoutCancel(t.Context()), t) })
	if _, err := c.NetworkCreate(t.Context(), name, client.NetworkCreateOptions{Driver: "bridge"}); err != nil {
		t.Fatal(err)
	}
	d.load(t, d.api, image.API())
	d.load(t, d.job, image.Job())
	return d
}

// load hands an image to the daemon.
func (d *composed) load(t *testing.T, tag string, p image.Project) {
	t.Helper()
	built, err := p.Build(t.Context(), runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := image.Archive(tag, built)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	reply, err := d.ImageLoad(t.Context(), archive)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if said, err := io.ReadAll(reply); err != nil {
		t.Fatalf("load %s: %v\n%s", p.Name, err, said)
	}
}

// down removes everything. What shares a network goes before its owner.
func (d *composed) down(ctx context.Context, t *testing.T) {
	for _, service := range []string{"engine", "caller", "documents", "invoker"} {
		if id := d.ids[service]; id != "" {
			if t.Failed() {
				t.Logf("%s says:\n%s", service, d.said(ctx, t, id))
			}
			if _, err := d.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		}
	}
	for _, volume := range []string{"invoker", "engine"} {
		_, _ = d.VolumeRemove(ctx, d.network+"-"+volume, client.VolumeRemoveOptions{Force: true})
	}
	if _, err := d.NetworkRemove(ctx, d.network, client.NetworkRemoveOptions{}); err != nil {
		t.Error(err)
	}
	for _, image := range []string{d.api, d.job} {
		if _, err := d.ImageRemove(ctx, image, client.ImageRemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// up starts a service as the file has it. folder stands in for that of the jobs.
func (d *composed) up(t *testing.T, name string, s composeService, folder string) {
	t.Helper()
	host := &container.HostConfig{NetworkMode: container.NetworkMode(d.network)}
	var networks *network.NetworkingConfig
	if owner, shared := strings.CutPrefix(s.NetworkMode, "service:"); shared {
		host.NetworkMode = container.NetworkMode("container:" + d.ids[owner])
	} else {
		networks = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{d.network: {Aliases: []string{name}}}}
	}
	for _, volume := range s.Volumes {
		source, target, _ := strings.Cut(volume, ":")
		switch {
		case strings.HasPrefix(source, "${DOCKER_SOCKET"):
			source, target = strings.TrimPrefix(d.host, "unix://"), "/var/run/docker.sock"
		case strings.HasPrefix(source, "."):
			source = folder
		default:
			source = d.network + "-" + source
		}
		host.Binds = append(host.Binds, source+":"+target)
	}
	var command []string
	for _, word := range s.Command {
		command = append(command, strings.Replace(word, "--network=runwith", "--network="+d.network, 1))
	}
	made, err := d.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: d.api, Cmd: command, User: s.User}, HostConfig: host, NetworkingConfig: networks,
	})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	d.ids[name] = made.ID
	if _, err := d.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
}

// ip is the address of a service.
func (d *composed) ip(t *testing.T, name string) (ip netip.Addr) {
	t.Helper()
	reply, err := d.ContainerInspect(t.Context(), d.ids[name], client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return reply.Container.NetworkSettings.Networks[d.network].IPAddress
}

// said is what a container has printed.
func (d *composed) said(ctx context.Context, t *testing.T, id string) string {
	t.Helper()
	logs, err := d.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		t.Error(err)
		return ""
	}
	defer logs.Close()
	var said bytes.Buffer
	_, _ = stdcopy.StdCopy(&said, &said, logs) // what there is
	return said.String()
}

// names reports whether containers of the network find each other by name: Podman 4
// needs a plugin for that, which a machine may lack.
func (d *composed) names(t *testing.T) bool {
	t.Helper()
	d.up(t, "caller", composeService{Command: []string{"invocations", "list", "--server", "http://documents:9000"}}, "")
	var said string
	eventually.True(t, "the calling container has printed something", func() bool {
		said = d.said(t.Context(), t, d.ids["caller"])
		return said != ""
	})
	return !strings.Contains(said, "no such host")
}

// printedBy runs a job through the invoker and returns its output.
func printedBy(t *testing.T, api *runwith.Client, job string, args ...string) string {
	t.Helper()
	invocation, err := api.Run(t.Context(), job, &runwith.Overrides{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Wait(t.Context(), invocation.ID); err != nil {
		t.Fatal(err)
	}
	var printed []string
	for line, err := range api.Logs(t.Context(), invocation.ID, nil) {
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, line.Text)
	}
	return strings.Join(printed, "\n")
}

// A job that is started through the invoker runs on the network of both, finds a
// service there, and reaches the invoker, but not the engine. The images are the
// project's own.
func TestComposed(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	file, d, folder := readCompose(t, "compose.yaml"), newComposed(t), t.TempDir()
	for name, container := range map[string]string{"test-job": "image: " + d.job, "caller": "image: " + d.api + ", command: [/runwith]"} {
		job := "name: " + name + "\ntemplate: {template: {maxRetries: 0, containers: [{" + container + "}]}}\n"
		if err := os.WriteFile(filepath.Join(folder, name+".yaml"), []byte(job), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.up(t, "documents", composeService{Command: []string{"serve", "--endpoint=http://127.0.0.1:1", "--addr=0.0.0.0:9000", "--allow-host=documents", "--allow-unauthenticated"}}, "")
	d.up(t, "invoker", file.Services["invoker"], folder)
	engine := file.Services["engine"]
	engine.Command = append(engine.Command, "--job=/jobs/caller.yaml")
	d.up(t, "engine", engine, folder)

	invoker := d.ip(t, "invoker").String()
	calls := map[string]string{
		"http://" + d.ip(t, "documents").String() + ":9000": "INVOCATION ",
		"http://" + invoker + ":8080":                       "INVOCATION ",
		"http://" + invoker + ":8081":                       "connection refused",
	}
	if d.names(t) {
		calls["http://documents:9000"], calls["http://invoker:8080"] = "INVOCATION ", "INVOCATION "
	} else {
		t.Log("NOT TESTED: this daemon's containers do not find each other by name")
	}
	api := &runwith.Client{Server: "http://" + invoker + ":8080"}
	eventually.NoError(t, func() error {
		_, err := api.Job(t.Context(), "test-job")
		return err
	})
	if printed := printedBy(t, api, "test-job", "arg-1"); !strings.HasSuffix(printed, "\n  ARG: arg-1") {
		t.Errorf("the sample job prints %q, want its argument last", printed)
	}
	for server, want := range calls {
		if printed := printedBy(t, api, "caller", "invocations", "list", "--server", server); !strings.Contains(printed, want) {
			t.Errorf("a job that calls %s prints %q, want %q", server, printed, want)
		}
	}
}
