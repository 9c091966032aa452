package console

import (
	"context"
	"iter"
	"path"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
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
	// Jobs yields the jobs of the engine's project and region.
	Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error]
	// Executions yields the executions of a job, or of all jobs if it is "-", newest first.
	Executions(ctx context.Context, job string) iter.Seq2[*runpb.Execution, error]
}

var _ CloudRun = (*cloudrun.Client)(nil)

// shownExecutions is how many executions the page of the engine shows.
const shownExecutions = 50

// engineData is the page of the engine.
type engineData struct {
	Data       string
	Jobs       []runwith.Job
	Executions []executionRow
	More       bool // there are older executions
}

// executionRow is one execution. Other clients than the invoker may have started it.
type executionRow struct {
	ledger.Status

	Name, Job string
	Created   time.Time
}

// engine shows the engine's jobs and executions, also those that the invoker has not started.
func (s *server) engine(c *call) (page, error) {
	if !c.operates() {
		return page{}, s.Access.Operates(c.Context())
	}
	d := engineData{Data: s.Engine.Data}
	for job, err := range s.Engine.CloudRun.Jobs(c.Context()) {
		if err != nil {
			return page{}, err
		}
		d.Jobs = append(d.Jobs, cloudrun.JobOf(job))
	}
	for e, err := range s.Engine.CloudRun.Executions(c.Context(), "-") {
		if err != nil {
			return page{}, err
		}
		if d.More = len(d.Executions) == shownExecutions; d.More {
			break
		}
		d.Executions = append(d.Executions, executionRow{cloudrun.StatusOf(e), path.Base(e.GetName()), path.Base(e.GetJob()), e.GetCreateTime().AsTime()})
	}
	return page{Template: "engine", Title: "Engine", Nav: "/engine", Live: true, Data: d}, nil
}
