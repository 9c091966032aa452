// Package enginetest opens engines for tests, with everything that they need.
package enginetest

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/runner/process"
	"github.com/runwith/runwith/internal/engine/tasklog"
)

// Account is the default account of an engine for a test.
const Account = "123456789012-compute@developer.gserviceaccount.com"

// Config configures an engine for a test. The zero value runs tasks as processes in a
// temporary folder.
type Config struct {
	// Config is the engine's configuration. Open sets the unset fields: Dir is a temporary
	// folder, Runner runs processes, Logs is in Dir, ServiceAccount is Account, and Grace
	// is one second.
	engine.Config
	// Images maps images to commands, for the process runner.
	Images map[string][]string
	// MaxLog limits the stored output of an execution, in bytes; 0 is the task log's
	// default.
	MaxLog int64
}

// Engine is an engine with everything that it needs.
type Engine struct {
	*engine.Engine
	// Dir is its data folder.
	Dir string

	t     testing.TB
	close func() error
}

// Open opens an engine, and closes it at the end of the test unless the test has called
// [Engine.Close].
func Open(t testing.TB, c Config) *Engine {
	t.Helper()
	c.complete(t)
	opened, err := engine.Open(t.Context(), c.Config)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{Engine: opened, Dir: c.Dir, t: t, close: sync.OnceValue(func() error {
		errs := []error{opened.Close(), c.Logs.Close()}
		if runner, ok := c.Runner.(io.Closer); ok {
			errs = append(errs, runner.Close())
		}
		return errors.Join(errs...)
	})}
	t.Cleanup(e.Close)
	return e
}

// complete sets the unset fields.
func (c *Config) complete(t testing.TB) {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	c.ServiceAccount = cmp.Or(c.ServiceAccount, Account)
	if c.Logger == nil {
		c.Logger = Logger(t)
	}
	if c.Grace == 0 {
		c.Grace = time.Second
	}
	var err error
	if c.Runner == nil {
		c.Runner, err = process.Open(process.Config{Dir: filepath.Join(c.Dir, "run"), Images: c.Images, Logger: c.Logger})
		if err != nil {
			t.Fatal(err)
		}
	}
	if c.Logs == nil {
		if c.Logs, err = tasklog.Open(filepath.Join(c.Dir, "logs"), tasklog.Options{MaxBytes: c.MaxLog}); err != nil {
			t.Fatal(err)
		}
	}
}

// Close closes the engine, its task log and its runner. A second call does nothing.
func (e *Engine) Close() {
	e.t.Helper()
	if err := e.close(); err != nil {
		e.t.Error(err)
	}
}

// Logger returns a logger that writes warnings and errors to the test's output.
func Logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}
