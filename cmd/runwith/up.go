package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/metadata"
	"github.com/runwith/runwith/internal/footprint"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
)

func newUp() *cobra.Command {
	var f stackFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run engine and invoker together, for development",
		Long: `Up runs the engine (the Cloud Run Jobs API on this machine) and the invoker in
front of it on one port, until you stop it with Ctrl-C or SIGTERM. Accepted
invocations survive a restart, and a crash too. --require-auth applies only to the
engine's API, as in runwith engine.

A request of the invoker's API without a credential is yours, and may do everything.
With --config, a request with the credential of a caller may do what the file says,
so you can try the file here. It does not apply to the engine's API.

--job registers a job in the server's project and region, whatever the region in the
file, because the invoker starts jobs nowhere else. Without --job, up registers the
sample job, test-job.`,
		Example: `  runwith up
  runwith up --job nightly.yaml --image nightly='python3 nightly.py'
  runwith up --config runwith.yaml
  runwith up --concurrency nightly=1 --rate nightly=10/min
  runwith up --fault 'RunJob: answer-503, n=1'   # runwith engine --help lists the faults
  curl localhost:8080/api/v1/jobs/test-job/invocations -H 'Content-Type: application/json' -d '{"args":["arg-1"]}'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.place.fixed = true // the invoker starts jobs nowhere else
			logger := newLogger(cmd, slog.LevelWarn)
			defer sayStopping(cmd)()
			defer f.showProgress(cmd)()
			return up(cmd.Context(), f, logger, func(addr string) { f.announce(cmd, addr) })
		},
	}
	f.add(cmd)
	f.how.add(cmd)
	f.how.development = new(string)
	return cmd
}

// up serves engine and invoker on one listener until ctx is done. A request without a
// credential is the local user's.
func up(ctx context.Context, f stackFlags, logger *slog.Logger, ready func(addr string)) error {
	if err := f.validate(); err != nil {
		return err
	}
	if _, err := f.how.config(); err != nil { // before the engine opens
		return err
	}
	allowed, err := f.how.allowed()
	if err != nil {
		return err
	}
	callers, err := openConfiguration(f.how.configFile, allowed, logger, func(*configfile.File) *principal.Principal { return &principal.LocalUser })
	if err != nil {
		return err
	}
	if f.how.tracer, err = openTracer(ctx, logger); err != nil {
		return err
	}
	defer closeTracer(f.how.tracer, logger)
	engineIsNew := missing(filepath.Join(f.place.data, engine.Database))
	how := serving{to: f.to, tracer: f.how.tracer, caller: principal.LocalUser, logger: logger, ready: ready}
	return how.serve(ctx, func(ctx context.Context, addr string) (_ *httpserver.Site, err error) {
		config, err := engineConfig(f, addr, logger)
		if err != nil {
			return nil, err
		}
		store := openStoreAhead(ctx, f.place.data, f.how.store, logger)
		defer func() {
			if err != nil {
				err = errors.Join(err, store.close())
			}
		}()
		f.how.openStore = store.open
		e, err := openEngine(ctx, config, f)
		if err != nil {
			return nil, err
		}
		// The token comes from our own metadata server, never from the developer's
		// Application Default Credentials.
		tokens, err := metadata.NewTokenSource(addr, nil)
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		i, err := openInvoker(ctx, f.place.data, cloudrun.Config{
			Endpoint: "http://" + addr, Project: f.place.project, Region: f.place.region, Token: tokens, Logger: logger,
		}, f.how, callers)
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		if engineIsNew {
			i.warnOfLostEngine(ctx, f.place.data, logger)
		}
		site := i.addTo(e.Site(), "/api/")
		site.Drain, site.Settled = i.Close, i.invoker.Rebuilt()
		return site, nil
	})
}

func missing(file string) bool {
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}

// warnOfLostEngine warns if the invoker knows invocations although its engine is new: the
// engine's state was lost, or was never in this folder.
func (s *invokerStack) warnOfLostEngine(ctx context.Context, data string, logger *slog.Logger) {
	if origin, err := s.store.Origin(ctx); err == nil && !origin.Empty {
		logger.WarnContext(ctx, fmt.Sprintf("%s was missing and is new, but %s has invocations: their jobs, executions and output are not here; if the engine's state was lost, restore a backup into another folder (runwith restore)",
			filepath.Join(data, engine.Database), archive.InvokerDatabase))
	}
}

// announce prints the server's address and its faults.
func (f *stackFlags) announce(cmd *cobra.Command, addr string) {
	if chosen := *f.what.runner.chosen; chosen != "" {
		f.what.runner.tell(chosen)
	}
	f.what.faults.announce(cmd)
	if made := f.how.development; made != nil && *made != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "callbacks to this machine are signed with %s, which is kept in %s\n", *made, filepath.Join(f.place.data, callbackSecret))
	}
	announce(cmd, addr, f.place.data)
}

// announce prints the server's address for people, and for programs that wait for the line. The
// start is over then, so what only the start needed leaves the memory.
func announce(cmd *cobra.Command, addr, data string) {
	fmt.Fprintf(cmd.ErrOrStderr(), "state is in %s\nrunwith is ready at http://%s\n", data, addr)
	footprint.Trim()
}

// sayStopping prints a line when a server that runs tasks begins to stop, because tasks may
// take a while to end. The function it returns waits until the line is printed.
func sayStopping(cmd *cobra.Command) (said func()) {
	done := make(chan struct{})
	unless := context.AfterFunc(cmd.Context(), func() {
		defer close(done)
		which := "tasks that are processes" // containers keep running
		if all, err := cmd.Flags().GetBool(stopTasksFlag); err == nil && all {
			which = "tasks"
		}
		then := "runs them again"
		if how, err := cmd.Flags().GetString("interrupted"); err == nil && how == interruptedFail {
			then = "counts their attempts as failed"
		}
		grace, err := cmd.Flags().GetDuration(graceFlag)
		if err != nil {
			grace = engine.DefaultGrace
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "runwith is stopping: %s have %v to end, and the next start %s\n", which, grace, then)
	})
	return func() {
		if !unless() {
			<-done
		}
	}
}
