package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/runwith/runwith/internal/engine/emulator"
)

// openEngine opens the engine that the flags describe, with its jobs. addr is the
// HOST:PORT at which it will be served.
func openEngine(ctx context.Context, flags stackFlags, addr string, logger *slog.Logger) (*emulator.Engine, error) {
	place, f := flags.place, flags.what
	if err := f.validate(); err != nil {
		return nil, err
	}
	images, err := allImages(f.images)
	if err != nil {
		return nil, err
	}
	faults, err := f.faults.plan()
	if err != nil {
		return nil, err
	}
	secrets, err := f.runner.openSecrets()
	if err != nil {
		return nil, err
	}
	config := emulator.Config{
		Containers: f.runner.containers(place.data, secrets, logger), Secrets: secrets,
		Dir: place.data, Addr: addr, Project: place.project, ProjectNumber: f.number, Region: place.region,
		RequireAuth: f.requireAuth, MetadataProxy: f.runner.metadataProxy, StopTasks: f.runner.stopTasks, Detached: f.runner.sayDetached,
		Images: images, MaxTasks: f.maxTasks, KeepExecutions: f.keep, FailInterrupted: f.interrupted == interruptedFail, MaxLog: f.maxLog, Faults: faults, Logger: logger,
	}
	if flags.progress != nil {
		config.Progress = flags.progress.execution
	}
	e, err := emulator.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	if flags.progress != nil {
		flags.progress.engine.Store(e.Engine)
	}
	if err := registerJobs(ctx, e.Engine, place.target(), f.jobs, logger); err != nil {
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
