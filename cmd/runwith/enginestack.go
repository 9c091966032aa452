package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/runwith/runwith/internal/engine/emulator"
)

// engineConfig returns the engine that the flags describe. addr is the HOST:PORT at which it will be
// served.
func engineConfig(flags stackFlags, addr string, logger *slog.Logger) (config emulator.Config, err error) {
	place, f := flags.place, flags.what
	images, err := allImages(f.images)
	if err != nil {
		return config, err
	}
	faults, err := f.faults.plan()
	if err != nil {
		return config, err
	}
	secrets, err := f.runner.openSecrets()
	if err != nil {
		return config, err
	}
	config = emulator.Config{
		Containers: f.runner.containers(place.data, secrets, logger), Secrets: secrets,
		Dir: place.data, Addr: addr, Project: place.project, ProjectNumber: f.number, Region: place.region,
		RequireAuth: f.requireAuth, MetadataProxy: f.runner.metadataProxy, StopTasks: f.runner.stopTasks, Detached: f.runner.sayDetached,
		Images: images, MaxTasks: f.maxTasks, KeepExecutions: f.keep, FailInterrupted: f.interrupted == interruptedFail, MaxLog: f.maxLog, Grace: f.grace, Faults: faults, Logger: logger,
	}
	if f.runner.kind == runKubernetes {
		f.onKubernetes(&config)
	}
	if flags.progress != nil {
		config.Progress = flags.progress.execution
	}
	return config, nil
}

// openEngine opens an engine with the jobs of the flags.
func openEngine(ctx context.Context, config emulator.Config, flags stackFlags) (*emulator.Engine, error) {
	e, err := emulator.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	if flags.progress != nil {
		flags.progress.engine.Store(e.Engine)
	}
	if err := registerJobs(ctx, e.Engine, flags.place.target(), flags.what.jobs, config.Logger); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// testJobImage is the image of the sample job, which is part of this binary.
const testJobImage = "test-job"

// allImages returns the images of the --image flags, and the sample job's.
func allImages(flags []string) (map[string][]string, error) {
	images, err := parseImages(flags)
	if err != nil {
		return nil, err
	}
	if _, taken := images[testJobImage]; !taken {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own binary, which carries the sample job: %w", err)
		}
		images[testJobImage] = []string{self, "test-job"}
	}
	return images, nil
}
