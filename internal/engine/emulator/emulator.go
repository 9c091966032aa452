// Package emulator opens an engine with everything it needs: the state, the runners,
// the task log, the metadata server, and the handlers of its APIs. The result is a part
// of a [server.Site].
package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/descriptor"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/api"
	"github.com/runwith/runwith/internal/engine/fault"
	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/engine/metadata/host"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/function"
	"github.com/runwith/runwith/internal/engine/runner/process"
	"github.com/runwith/runwith/internal/engine/runner/secret"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// Config configures an engine. Dir, Addr, Project, Region and Logger are required. Numbers
// that are 0 have the defaults of package engine.
type Config struct {
	Dir             string // the data folder
	Addr            string // HOST:PORT at which this machine reaches the listener
	Project, Region string
	// ProjectNumber is the project's number; empty is metadata.DefaultProjectNumber.
	ProjectNumber string
	// RequireAuth makes the API require tokens of the metadata server.
	RequireAuth bool
	// Images maps images to commands that run in their place, Functions to Go functions.
	Images    map[string][]string
	Functions map[string]function.Func
	// Containers opens the runner for all other images. If Containers is nil or returns
	// nil, commands run as processes.
	Containers func(context.Context, Surroundings) (Containers, error)
	// TaskDescriptors is how many file descriptors of this process a task takes; 0 is the
	// number for processes and containers.
	TaskDescriptors int
	// MetadataAddr is the HOST:PORT of a listener for the metadata server alone, which any
	// machine may reach; empty is none. Tasks may call it by MetadataHosts, too.
	MetadataAddr  string
	MetadataHosts []string
	// MetadataProxy makes the metadata server the proxy of tasks that are processes, for
	// plain HTTP.
	MetadataProxy bool
	// InGoTest makes errors name the options of package runwithtest, instead of flags.
	InGoTest bool
	// Secrets has the values of secret variables; nil has none. The engine closes it.
	Secrets *secret.Store

	MaxTasks       int
	KeepExecutions int
	MaxLog         int64         // bytes of output to keep of one execution
	Grace          time.Duration // of a task, between SIGTERM and SIGKILL
	// FailInterrupted fails an attempt that was interrupted because the engine or its
	// machine stopped. By default it runs again.
	FailInterrupted bool
	// StopTasks ends every task when the engine closes. By default containers keep
	// running, and the next engine on the data folder adopts them.
	StopTasks bool
	// Detached is called by Close if tasks keep running. It may be nil.
	Detached func(tasks int)
	// Progress is called when an execution has started and when it has ended. It must
	// not block. It may be nil.
	Progress func(*runpb.Execution)
	// Faults makes calls and executions go wrong; nil has none.
	Faults *fault.Plan
	Logger *slog.Logger
}

// Surroundings are what a runner of containers needs to know of its engine.
type Surroundings struct {
	Metadata http.Handler  // the metadata server, which containers may reach
	Grace    time.Duration // of a task, between SIGTERM and SIGKILL
}

// Containers is a runner that the engine closes.
type Containers interface {
	runner.Runner
	// Ready returns why tasks cannot be placed now.
	Ready(ctx context.Context) error
	Close() error
}

// Engine is an engine with everything it stands on and the handlers of its APIs.
type Engine struct {
	Engine *engine.Engine

	api        *api.Server
	parent     string    // resource name of the location
	callFaults bool      // api makes calls go wrong
	lock       io.Closer // on the runners' folder
	metadata   *metadata.Authority

	metadataHost *host.Host // nil without a listener of its own
	secrets      *secret.Store
	next         runner.Runner // for images without a function
	processes    *process.Runner
	containers   Containers // nil if there is no daemon
	functions    *function.Runner
	logs         *tasklog.Store
	detached     func(tasks int) // may be nil
}

// Open opens an engine, which continues the executions that it finds unfinished. The
// caller closes it.
func Open(ctx context.Context, c Config) (_ *Engine, err error) {
	s := &Engine{secrets: c.Secrets, detached: c.Detached, parent: jobspec.Location{Project: c.Project, Region: c.Region}.String()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	// The lock comes first, because a runner treats the processes and containers that it
	// finds as orphans.
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return s, fmt.Errorf("create data folder: %w", err)
	}
	if s.lock, err = sqlite.Hold(filepath.Join(c.Dir, "run")); err != nil {
		return s, err
	}
	sqlite.MakeRoom(filepath.Join(c.Dir, engine.Database)) // the runners write before the database opens
	if err := s.openMetadata(c); err != nil {
		return s, err
	}
	if err := s.serveMetadata(ctx, c); err != nil {
		return s, err
	}
	if err := s.openRunners(ctx, c); err != nil {
		return s, err
	}
	if s.logs, err = tasklog.Open(filepath.Join(c.Dir, "logs"), tasklog.Options{MaxBytes: c.MaxLog}); err != nil {
		return s, err
	}
	s.Engine, err = engine.Open(ctx, engine.Config{
		Dir: c.Dir, Runner: s.runner(c), Logs: s.logs, MaxTasks: c.bounded(descriptor.Limit()), KeepExecutions: c.KeepExecutions, Grace: c.Grace, StopTasks: c.StopTasks,
		FailInterrupted: c.FailInterrupted, ServiceAccount: s.metadata.ServiceAccount(),
		Fault: c.fault(), Progress: c.Progress, Logger: c.Logger,
	})
	if err != nil {
		return s, err
	}
	return s, s.openWire(c)
}

// What the descriptors of a server go to: its databases, its listener and a few callers,
// and each task its pipes, its output and a pidfd or connections.
const (
	restDescriptors = 44
	taskDescriptors = 5
)

// bounded returns how many tasks may run at once if this process has so many descriptors,
// and warns if these bound it. 0 is no bound.
func (c Config) bounded(limit int) int {
	if limit == 0 {
		return c.MaxTasks
	}
	most := max(1, (limit-restDescriptors)/cmp.Or(c.TaskDescriptors, taskDescriptors))
	wanted := cmp.Or(c.MaxTasks, engine.DefaultMaxTasks)
	if most >= wanted {
		return c.MaxTasks
	}
	c.Logger.Warn(fmt.Sprintf("this process may have only %d file descriptors, so it runs %d tasks at once instead of %d: raise the limit (ulimit -n)", limit, most, wanted))
	return most
}

// openRunners opens the runners.
func (s *Engine) openRunners(ctx context.Context, c Config) (err error) {
	s.processes, err = process.Open(process.Config{
		Dir: filepath.Join(c.Dir, "run"), Images: c.Images, Metadata: c.Addr, Secrets: c.Secrets, InGoTest: c.InGoTest, MetadataProxy: c.MetadataProxy, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	if c.Containers != nil {
		if s.containers, err = c.Containers(ctx, Surroundings{Metadata: s.metadataApart(), Grace: cmp.Or(c.Grace, engine.DefaultGrace)}); err != nil {
			return err
		}
	}
	s.next = s.commands(c)
	s.functions = function.New(function.Config{Images: c.Functions, Metadata: c.Addr, Next: s.next, Logger: c.Logger})
	return nil
}

func (c Config) number() string { return cmp.Or(c.ProjectNumber, metadata.DefaultProjectNumber) }

// commands returns the runner for images without a function. An image that is mapped to a
// command runs as that process. All others run as containers if there is a daemon, so no
// image starts a process of its choice on this machine.
func (s *Engine) commands(c Config) runner.Runner {
	if s.containers == nil {
		return s.processes
	}
	return runner.NewSwitch(func(t *runpb.TaskTemplate) runner.Runner {
		all := t.GetContainers()
		if len(all) == 1 && len(all[0].GetCommand()) == 0 && len(c.Images[all[0].GetImage()]) > 0 {
			return s.processes
		}
		return s.containers
	}, s.containers, s.processes)
}

// runner returns the runner of the engine.
func (s *Engine) runner(c Config) runner.Runner {
	if len(c.Functions) == 0 {
		return s.next
	}
	return s.functions
}

// openWire makes the handlers of the engine's APIs.
func (s *Engine) openWire(c Config) (err error) {
	wire := api.Config{
		Engine: s.Engine, Faults: c.Faults, Logger: c.Logger,
		Project: c.Project, ProjectNumber: c.number(), Region: c.Region,
	}
	if c.RequireAuth {
		wire.Authenticate = s.metadata.Authenticate
	}
	s.callFaults = c.Faults != nil && c.Faults.ForCalls()
	s.api, err = api.New(wire)
	return err
}

// fault returns the engine's source of faults, or nil if executions have none.
func (c Config) fault() func(job string) engine.Fault {
	if c.Faults == nil || !c.Faults.ForExecutions() {
		return nil
	}
	return func(job string) engine.Fault {
		x := c.Faults.Execution(job)
		c.Logger.Debug("fault of an execution", "job", job, "execution", x.Number,
			"start_after", x.StartAfter, "list_after", x.ListAfter, "no_tasks", x.NoTasks)
		return engine.Fault{StartAfter: x.StartAfter, ListAfter: x.ListAfter, NoTasks: x.NoTasks}
	}
}

// Close ends the tasks, lets go of those that keep running, and closes the state, in that
// order. Its error also reports tasks that should have ended and have not.
func (s *Engine) Close() error {
	var errs []error
	if s.Engine != nil {
		errs = append(errs, s.Engine.Close())
		if n := s.Engine.Detached(); n > 0 && s.detached != nil {
			s.detached(n)
		}
	}
	if s.logs != nil {
		errs = append(errs, s.logs.Close())
	}
	if s.functions != nil {
		errs = append(errs, s.functions.Close())
	}
	if s.containers != nil {
		errs = append(errs, s.containers.Close())
	}
	if s.processes != nil {
		errs = append(errs, s.processes.Close()) // ends stray processes of ended tasks, too
	}
	if s.Engine != nil {
		errs = append(errs, s.checkLeft())
	}
	if s.metadataHost != nil {
		errs = append(errs, s.metadataHost.Close())
	}
	errs = append(errs, s.secrets.Close())
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// checkLeft reports attempts that are still there after the runners ended or detached all
// of them. A runner does not list detached attempts.
func (s *Engine) checkLeft() error {
	left, err := s.functions.List(context.Background())
	if err != nil {
		return fmt.Errorf("look for tasks that have not ended: %w", err)
	}
	if len(left) > 0 {
		return fmt.Errorf("%d tasks have not ended, such as %v: look for their processes", len(left), left[0])
	}
	return nil
}
