package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"
)

func newEngine() *cobra.Command {
	var f stackFlags
	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Run the Cloud Run Jobs API on this machine",
		Long: `Engine serves google.cloud.run.v2 (Jobs, Executions, Tasks, Operations) over gRPC and
REST, reading of logs as Cloud Logging does, and a metadata server, on one port.
Tasks really run, as processes of this machine and without isolation. They find the
metadata server by GCE_METADATA_HOST, as Google's libraries do.

With --require-auth the API asks each caller for a token of this metadata server, as
Google's does, so that a program's authentication can be tried. It protects nothing
from who can reach the server: the metadata server gives its tokens to anyone.`,
		Example: `  runwith engine --addr 127.0.0.1:8080 --job nightly.yaml
  runwith engine --require-auth
  curl localhost:8080/v2/projects/demo/locations/us-east4/jobs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger := newLogger(cmd, slog.LevelWarn)
			open := func(ctx context.Context, addr string) (*site, error) {
				e, err := openEngine(ctx, f, addr, logger)
				if err != nil {
					return nil, err
				}
				return &site{handler: e.mux, grpc: e.api, close: e.Close}, nil
			}
			return serve(cmd.Context(), f.to, logger, open, func(addr string) { announce(cmd, addr, f.place.data) })
		},
	}
	f.add(cmd)
	return cmd
}
