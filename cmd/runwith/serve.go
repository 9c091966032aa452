package main

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/descriptor"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	to       listenFlags
	place    placeFlags
	what     invokerFlags
	endpoint string
	allowed  bool // an endpoint on another machine
}

func newServe() *cobra.Command {
	f := serveFlags{to: listenFlags{addr: serviceAddr()}}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the invoker in front of a Cloud Run Jobs API",
		Long: `Serve accepts requests to start jobs, stores them on disk, starts each job exactly
once and reports how it ended. By default it starts jobs on Google's Cloud Run, with
Application Default Credentials. With --endpoint http://HOST:PORT it starts them on
an engine on this machine, which needs no credentials: if the engine requires a
token, serve gets one from it. For an engine on another machine, confirm with
--allow-plain-http that nobody else is on the network between the two.

If the outcome of a start is unknown, serve searches for the execution. It starts the
job again only if it is certain that nothing started. --settle is the longest time
that Cloud Run may take to list an execution.

--store=ephemeral is for a disk that does not last, as on Cloud Run. An invocation is
accepted once its start is confirmed, nothing is queued, and after a restart serve
reads earlier invocations back from Cloud Run; until then /readyz answers 503. Run
one instance: two instances that overlap may both accept the same key. On Cloud Run,
serve listens on 0.0.0.0:$PORT by default, and callers use a name below .run.app.

--store postgres://USER@HOST/DATABASE keeps invocations in PostgreSQL. Any number of
servers may share the database, and instances may come and go: each invocation still
starts once. Give the password in RUNWITH_STORE, PGPASSWORD or the file that
PGPASSFILE names, because other users of this machine can read command lines. serve makes
and updates its tables, if its user may; see runwith store migrate.

--config names the callers and what each may do. Without callers, everybody who
reaches serve may start jobs; so it then serves only this machine, unless you confirm
with --allow-unauthenticated that something else keeps others away.`,
		Example: `  runwith serve --config runwith.yaml --addr 0.0.0.0:8080 --allow-host runwith.example.com --project my-project --region us-east4
  runwith serve --endpoint http://127.0.0.1:8080 --addr 127.0.0.1:8081
  runwith serve --store=ephemeral --allow-host=.run.app --project my-project --region us-east4 --allow-unauthenticated
  runwith serve --store postgres://runwith@db.example.com/runwith --config runwith.yaml --project my-project --region us-east4
  runwith serve --concurrency nightly=1:reject --rate thumbnails=30/min --run-quota 60 --project my-project --region us-east4`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.serve(cmd) },
	}
	f.to.add(cmd)
	f.place.addForGoogle(cmd)
	f.what.add(cmd)
	cmd.Flags().StringVar(&f.endpoint, "endpoint", env("RUNWITH_ENDPOINT", ""),
		"`URL` of a Cloud Run Jobs API on this machine; google or empty is Google's (RUNWITH_ENDPOINT)")
	cmd.Flags().BoolVar(&f.allowed, "allow-plain-http", false, "call an endpoint on another machine without TLS; others on the network can read and change everything")
	return cmd
}

// validate reports mistakes in the flags, before anything opens.
func (f *serveFlags) validate(cmd *cobra.Command) error {
	if missing := missingPlace(cmd); f.endpoint == "" && missing != "" {
		return misused("%s: is required for Google's Cloud Run; --endpoint http://HOST:PORT uses an engine on this machine instead", missing)
	}
	if (cloudrun.Config{Endpoint: f.endpoint}).IsElsewhere() && !f.allowed {
		return misused("--endpoint %s: other machines may read and change what goes there, because it has no TLS: "+
			"use an engine on this machine, or confirm with --allow-plain-http that the network between is yours alone", f.endpoint)
	}
	_, err := f.what.config()
	return errors.Join(f.to.validate(true), validCloudRun(f.cloudRun()), err) // without callers, openCallers refuses some addresses
}

// cloudRun returns the Cloud Run that the flags choose.
func (f *serveFlags) cloudRun() cloudrun.Config {
	return cloudrun.Config{Endpoint: f.endpoint, AllowPlainHTTP: f.allowed, Project: f.place.project, Region: f.place.region}
}

// serve serves the invoker until the command's context is done.
func (f *serveFlags) serve(cmd *cobra.Command) error {
	if f.endpoint == googleEndpoint {
		f.endpoint = ""
	}
	if err := f.validate(cmd); err != nil {
		return err
	}
	logger := newServeLogger(cmd)
	callers, err := openCallers(f.to, f.what, logger)
	if err != nil {
		return err
	}
	if f.what.tracer, err = openTracer(cmd.Context(), logger); err != nil {
		return err
	}
	defer closeTracer(f.what.tracer, logger)
	open := func(ctx context.Context, _ string) (*httpserver.Site, error) {
		at := f.cloudRun()
		at.Logger = logger
		useOwnToken(&at)
		i, err := openInvoker(ctx, f.place.data, at, f.what, callers)
		if err != nil {
			return nil, err
		}
		return i.addTo(&httpserver.Site{Close: i.Close}, "/"), nil
	}
	how := serving{to: f.to, tracer: f.what.tracer, known: callers != nil && callers.callers, logger: logger, ready: func(addr string) { announce(cmd, addr, stateIn(f.place.data, f.what.store)) }}
	return how.serve(cmd.Context(), open)
}

// openCallers reads the callers of serve. Without any, it warns on an address of this
// machine, and refuses others unless the flag allows them.
func openCallers(to listenFlags, what invokerFlags, logger *slog.Logger) (*configuration, error) {
	local := httpserver.CheckBind(to.addr, false) == nil
	allowed, err := what.allowed()
	if err != nil {
		return nil, err
	}
	callers, err := openConfiguration(what.configFile, allowed, logger, func(f *configfile.File) *principal.Principal {
		if to.allowUnauthenticated || local && len(f.Callers) == 0 {
			return &principal.Principal{}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case callers != nil && callers.callers, to.allowUnauthenticated:
	case local:
		logger.Warn("serve has no callers, so every program on this machine may start jobs: configure callers (--config), or confirm with --allow-unauthenticated")
	default:
		return nil, misused(
			"--addr %s: other machines can reach this address, and serve has no callers, so all of them may start jobs: "+
				"configure callers (--config runwith.yaml), bind to 127.0.0.1, or confirm with --allow-unauthenticated", to.addr)
	}
	return callers, nil
}

// newServeLogger returns the logger of serve, and warns if the server may have few
// descriptors. Each caller takes one.
func newServeLogger(cmd *cobra.Command) *slog.Logger {
	logger := newLogger(cmd, slog.LevelInfo)
	if limit := descriptor.Limit(); 0 < limit && limit < descriptor.Few {
		logger.Warn("this process may have few file descriptors, so callers may have to wait: raise the limit (ulimit -n)", "limit", limit)
	}
	return logger
}

// serviceAddr returns the address on which a Cloud Run service must listen, or "" elsewhere.
// https://cloud.google.com/run/docs/container-contract#port
func serviceAddr() string {
	port := env("PORT", "")
	if port == "" || env("K_SERVICE", "") == "" {
		return ""
	}
	return net.JoinHostPort("0.0.0.0", port)
}

// missingPlace returns the flag for the location of the jobs that is not set. The defaults
// are those of an engine.
func missingPlace(cmd *cobra.Command) string {
	for _, flag := range []string{"project", "region"} {
		if !cmd.Flags().Changed(flag) {
			return "--" + flag
		}
	}
	return ""
}
