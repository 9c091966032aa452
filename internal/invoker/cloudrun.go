package invoker

import (
	"context"
	"iter"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// CloudRun is the part of Cloud Run that the invoker uses. Errors are a [runwith.Error];
// [cloudrun.OutcomeOf] tells what an error of Run means. The methods may be called
// concurrently.
type CloudRun interface { //nolint:interfacebloat // the parts of one server: nobody uses or implements a part of it alone
	// Run starts the job with the given ID or resource name. It sends at most one request.
	Run(ctx context.Context, job string, o *runpb.RunJobRequest_Overrides) (cloudrun.Run, error)
	// AwaitEnd waits until the operation of a run is done, for as long as hold at most, and
	// returns the execution as it is then. Cloud Run may answer sooner.
	AwaitEnd(ctx context.Context, operation string, hold time.Duration) (*runpb.Execution, error)
	// Job returns the job with the given ID or resource name, Jobs those of the location.
	Job(ctx context.Context, job string) (*runpb.Job, error)
	Jobs(ctx context.Context) iter.Seq2[*runpb.Job, error]
	// Execution returns the execution with the given resource name.
	Execution(ctx context.Context, name string) (*runpb.Execution, error)
	// ExecutionPage returns a page of the executions of a job, or of all jobs of the location
	// if its ID is "-", and the token of the next page. It includes deleted executions.
	ExecutionPage(ctx context.Context, job, token string) (page []*runpb.Execution, next string, err error)
	// TaskPage returns a page of the tasks of an execution, and the token of the next page.
	TaskPage(ctx context.Context, execution, token string) (page []*runpb.Task, next string, err error)
	// Stderr returns the last lines that an attempt of a task printed to standard error.
	Stderr(ctx context.Context, execution string, task, attempt int) ([]string, error)
	// CancelExecution asks the execution with the given resource name to end.
	CancelExecution(ctx context.Context, name string) (operation string, err error)
	// LogEntries returns the output of an execution after the cursor.
	LogEntries(ctx context.Context, execution string, after cloudrun.Cursor) ([]runwith.LogLine, cloudrun.Cursor, error)
	// LastLines reads one page from the end of the output, and reports whether there is another
	// one to read.
	LastLines(ctx context.Context, execution string, last *cloudrun.LastLines) (more bool, err error)
}
