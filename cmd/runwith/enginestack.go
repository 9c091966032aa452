package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/metadata"
	"github.com/runwith/runwith/internal/runapi"
	"github.com/runwith/runwith/internal/runner/process"
	"github.com/runwith/runwith/internal/tasklog"
)

// engineStack is an engine with what it stands on and what stands in front of it.
type engineStack struct {
	runner *process.Runner
	logs   *tasklog.Store
	engine *engine.Engine
	api    *runapi.Server
	mux    *http.ServeMux // the Cloud Run API and the metadata server
}

// openEngine opens an engine for the listener at addr.
func openEngine(ctx context.Context, flags stackFlags, addr string, logger *slog.Logger) (_ *engineStack, err error) {
	place, f, own := flags.place, flags.what, dialable(addr)
	if err := f.validate(); err != nil {
		return nil, err
	}
	images, err := allImages(f.images)
	if err != nil {
		return nil, err
	}
	s := &engineStack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.runner, err = process.Open(process.Config{
		Dir: filepath.Join(place.data, "run"), Images: images, Env: metadataEnv(own), Logger: logger,
	}); err != nil {
		return s, err
	}
	if s.logs, err = tasklog.Open(filepath.Join(place.data, "logs"), tasklog.Options{MaxBytes: f.maxLog}); err != nil {
		return s, err
	}
	s.engine, err = engine.Open(ctx, engine.Config{
		Dir: place.data, Runner: s.runner, Logs: s.logs, MaxTasks: f.maxTasks, KeepExecutions: f.keep, Logger: logger,
	})
	if err != nil {
		return s, err
	}
	if err := registerJobs(ctx, s.engine, place, f.jobs, logger); err != nil {
		return s, err
	}
	return s, s.openWire(flags, own, logger)
}

// openWire puts the engine on the wire of the listener at own.
func (s *engineStack) openWire(flags stackFlags, own string, logger *slog.Logger) error {
	place := flags.place
	authority, err := metadata.Open(metadata.Config{
		Project: place.project, Region: place.region,
		URL: "http://" + own, Dir: filepath.Join(place.data, "keys"), Logger: logger,
	})
	if err != nil {
		return err
	}
	c := runapi.Config{
		Engine: s.engine, Logger: logger, Project: place.project, ProjectNumber: metadata.DefaultProjectNumber, Region: place.region,
	}
	if flags.what.requireAuth {
		c.Authenticate = authority.Authenticate
	}
	if s.api, err = runapi.New(c); err != nil {
		return err
	}
	s.mux = http.NewServeMux()
	s.mux.Handle("/", s.api)
	authority.Register(s.mux)
	return nil
}

// metadataEnv is by which Google's libraries find the metadata server at addr: those
// for Go and Node by its host, the one for Python by its address before that.
func metadataEnv(addr string) map[string]string {
	return map[string]string{"GCE_METADATA_HOST": addr, "GCE_METADATA_IP": addr}
}

// Close ends the tasks that run and closes the state, in that order.
func (s *engineStack) Close() error {
	var errs []error
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
	}
	if s.logs != nil {
		errs = append(errs, s.logs.Close())
	}
	if s.runner != nil {
		errs = append(errs, s.runner.Close())
	}
	return errors.Join(errs...)
}

// testJobImage is the image of the sample job, which this binary carries.
const testJobImage = "test-job"

// allImages are the --image flags and the sample job.
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
