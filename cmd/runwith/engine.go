package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	httpserver "github.com/runwith/runwith/internal/server"
)

func newEngine() *cobra.Command {
	var f stackFlags
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Run the Cloud Run Jobs API on this machine",
		Long: `Engine serves google.cloud.run.v2 (Jobs, Executions, Tasks, Operations) over gRPC and
REST, the logs as Cloud Logging does, and a metadata server, on one port.

Tasks really run: in containers if Docker or Podman answers (at DOCKER_HOST or the
usual sockets), and otherwise as processes on this machine, without isolation.
--runner chooses. An image with --image always runs as a process. Tasks find the
metadata server by GCE_METADATA_HOST, as Google's libraries do.

With --require-auth the API requires a token of this metadata server, as Google's
does, so you can test your program's authentication. It is not a security boundary:
the metadata server gives tokens to everybody.

To test your clients, --fault makes calls and executions go wrong:
[METHOD:] KIND [, p=PROBABILITY] [, n=TIMES] [, after=COUNT], with the kinds
  answer-503                the call takes effect, but is answered with 503
  answer-lost               the call takes effect, but is not answered
  quota-429[=RETRY-AFTER]   the call has no effect and is answered with 429
  not-done=DURATION         the operation of a change of a job is not done at first
  slow-start=DURATION       an execution's tasks start late
  listed-late=DURATION      lists do not show an execution at first
  failed-before-tasks       an execution fails without a task`,
		Example: `  runwith engine --addr 127.0.0.1:8080 --job nightly.yaml
  runwith engine --runner container --pull always --secrets ./secrets --buckets ./buckets
  runwith engine --require-auth
  runwith engine --fault 'RunJob: answer-lost, p=0.2' --fault 'listed-late=5s' --fault-seed 42
  curl localhost:8080/v2/projects/demo/locations/us-east4/jobs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.runEngine(cmd) },
	}
	f.add(cmd)
	return cmd
}

// runEngine serves an engine until the command's context is done.
func (f *stackFlags) runEngine(cmd *cobra.Command) error {
	if err := f.validate(); err != nil {
		return err
	}
	f.place.fixedProject, f.place.fixedRegion = cmd.Flags().Changed("project"), cmd.Flags().Changed("region")
	logger := newLogger(cmd, slog.LevelWarn)
	defer sayStopping(cmd)()
	defer f.showProgress(cmd)()
	tracer, err := openTracer(cmd.Context(), logger)
	if err != nil {
		return err
	}
	defer closeTracer(tracer, logger)
	open := func(ctx context.Context, addr string) (*httpserver.Site, error) {
		config, err := engineConfig(*f, addr, logger)
		if err != nil {
			return nil, err
		}
		e, err := openEngine(ctx, config, *f)
		if err != nil {
			return nil, err
		}
		return e.Site(), nil
	}
	how := serving{to: f.to, tracer: tracer, logger: logger, ready: func(addr string) { f.announce(cmd, addr) }}
	return how.serve(cmd.Context(), open)
}
