package console

import (
	"context"
	"iter"

	"cloud.google.com/go/run/apiv2/runpb"
)

// Engine is the engine in the same process.
type Engine struct {
	// Data is the folder with its state.
	Data string
	// CloudRun is the engine's API.
	CloudRun CloudRun
}

// CloudRun is what the page of the engine shows.
type CloudRun interface {
	// Jobs returns the jobs of the engine's project and region.
	Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error]
}
