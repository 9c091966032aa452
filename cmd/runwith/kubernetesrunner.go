package main

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/runwith/runwith/internal/engine/emulator"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes"
)

// validateKubernetes reports mistakes in the flags of --runner kubernetes.
func (f *runnerFlags) validateKubernetes() error {
	instead := map[string]string{
		"secrets": "--kubernetes-secret, or a Secret with the secret's name",
		"buckets": "--kubernetes-bucket",
		"network": "a NetworkPolicy",
		"pull":    "imagePullPolicy in --kubernetes-pod",
	}
	for _, name := range f.docker() {
		return misused("--%s: is for Docker and Podman; on Kubernetes, use %s", name, instead[name])
	}
	if (f.metadataAddr == "") != (f.kubernetes.metadata == "") {
		return misused("--metadata-addr and --kubernetes-metadata: give both, or none: the first is where the metadata server listens, the second is where Pods reach it")
	}
	if f.metadataAddr != "" && !isHostPort(f.metadataAddr) {
		return misused("--metadata-addr %q: must be HOST:PORT, such as 0.0.0.0:8081", f.metadataAddr)
	}
	_, err := f.kubernetes.config()
	return err
}

// pods returns a function that opens the runner whose tasks are Pods.
func (f *runnerFlags) pods(data string, logger *slog.Logger) func(context.Context, emulator.Surroundings) (emulator.Containers, error) {
	return func(ctx context.Context, of emulator.Surroundings) (emulator.Containers, error) {
		c, err := f.kubernetes.config()
		if err != nil {
			return nil, err
		}
		c.Dir, c.MetadataProxy, c.Grace, c.Logger = filepath.Join(data, "run"), f.metadataProxy, of.Grace, logger
		r, err := kubernetes.Open(ctx, c)
		if err != nil {
			return nil, err
		}
		f.choose("tasks run as Pods: " + r.String())
		return r, nil
	}
}

// onKubernetes adapts the configuration to an engine whose tasks are Pods.
func (f *engineFlags) onKubernetes(c *emulator.Config) {
	if !f.maxTasksSet() {
		c.MaxTasks = 0 // the runner's capacity
	}
	c.TaskDescriptors = 1 // log streams share connections
	c.MetadataAddr = f.runner.metadataAddr
	if name, _, err := net.SplitHostPort(f.runner.kubernetes.metadata); err == nil {
		c.MetadataHosts = []string{name}
	}
}
