package engine

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// TestStatementsReadNoHistory checks that no statement gets slower with the number of past
// executions, operations and tasks. Hidden executions are kept for a month, and there may be
// millions. Only a list that asks for them reads them, page by page.
func TestStatementsReadNoHistory(t *testing.T) {
	t.Parallel()
	k := keeping(t, 1)
	k.useEverything()
	statements := k.db.Statements()
	if len(statements) < 50 {
		t.Fatalf("%d statements were used, want nearly all of the engine's", len(statements))
	}
	for _, s := range statements {
		if !strings.HasPrefix(s, "SELECT") && !strings.HasPrefix(s, "UPDATE") && !strings.HasPrefix(s, "DELETE") && !strings.HasPrefix(s, "WITH") {
			continue
		}
		for _, step := range k.plan(s) {
			if readsHistory(s, step) {
				t.Errorf("%s: reads all that is past, want an index:\n%s", step, s)
			}
		}
	}
}

var (
	wholeTable = regexp.MustCompile(`^SCAN (executions|operations|tasks|attempts|interruptions|[eotk])\b`)
	fewRows    = regexp.MustCompile(`INDEX executions_(shown|active|untidy)`)
)

// readsHistory reports whether a step of a statement's plan may read rows that are only kept.
func readsHistory(statement, step string) bool {
	switch {
	case strings.Contains(statement, "WHERE true AND"): // a list that shows hidden executions
		return false
	case strings.Contains(step, "INDEX executions_by_job "):
		return !strings.Contains(statement, "NOT EXISTS") // which reads one row
	}
	return wholeTable.MatchString(step) && !fewRows.MatchString(step)
}

var parameter = regexp.MustCompile(`\?(\d*)`)

// plan returns how SQLite executes a statement.
func (k *kept) plan(statement string) (steps []string) {
	k.t.Helper()
	n := 0
	for _, p := range parameter.FindAllStringSubmatch(statement, -1) {
		if number, err := strconv.Atoi(p[1]); err == nil {
			n = max(n, number)
		} else {
			n++
		}
	}
	err := k.read(k.t.Context(), func(tx *storeTx) (err error) {
		steps, err = collect(tx, func(row sqlite.Row) (step string, err error) {
			var id, parent, unused int
			return step, row.Scan(&id, &parent, &unused, &step)
		}, `EXPLAIN QUERY PLAN `+statement, make([]any, n)...)
		return err
	})
	if err != nil {
		k.t.Fatalf("plan of %s: %v", statement, err)
	}
	return steps
}

// useEverything makes each statement run at least once, or nearly so.
func (k *kept) useEverything() {
	k.t.Helper()
	ctx := k.t.Context()
	k.create("one", `[ "$CLOUD_RUN_TASK_ATTEMPT" = 1 ]`)
	k.create("held", "sleep 1000")
	oldest, operation := k.run("one")
	k.wait(operation)
	_, operation = k.run("one")
	k.wait(operation)
	x, operation := k.run("one")
	k.wait(operation)
	k.live.remove(k.live.named(x.Name)) // so that the following reads are of the store
	held, _ := k.run("held")
	k.readAll(x.Name, operation)
	k.listAll(x.Name)
	_, err := k.unfinished(ctx)
	k.used(nil, err)
	k.used(k.CancelExecution(ctx, &runpb.CancelExecutionRequest{Name: held.Name}))
	k.used(k.DeleteExecution(ctx, &runpb.DeleteExecutionRequest{Name: x.Name}))
	deletion, err := k.DeleteJob(ctx, &runpb.DeleteJobRequest{Name: jobspec.JobName{Location: tidyHome, Job: "held"}.String()})
	k.used(deletion, err)
	k.wait(deletion.GetName())
	for _, later := range []time.Duration{0, 2 * deletedFor} {
		k.used(nil, k.tidy(ctx, time.Now().Add(later), true))
	}
	if slices.Contains(k.names("one", true), oldest.Name) {
		k.t.Error("the oldest execution is still there, so that not all of tidy was used")
	}
}

// readAll reads an execution that has ended, and what belongs to it.
func (k *kept) readAll(execution, operation string) {
	k.t.Helper()
	ctx := k.t.Context()
	name, err := jobspec.ParseExecution(execution)
	k.used(name, err)
	k.used(k.Execution(ctx, &runpb.GetExecutionRequest{Name: execution}))
	k.used(k.ExecutionNamed(ctx, tidyHome, name.Execution))
	k.used(k.Task(ctx, &runpb.GetTaskRequest{Name: name.Task(0).String()}))
	k.used(k.TaskNamed(ctx, tidyHome, name.Execution+"-task0"))
	k.used(k.Job(ctx, &runpb.GetJobRequest{Name: name.Job.String()}))
	k.used(k.Regions(ctx, tidyHome.Project))
	k.used(k.Load(ctx))
	k.used(k.Operation(ctx, &longrunningpb.GetOperationRequest{Name: operation}))
	k.used(k.Operations(ctx, &longrunningpb.ListOperationsRequest{Name: tidyHome.String()}))
	k.used(k.LogSources(ctx, LogSelection{Projects: []string{tidyHome.Project}, Executions: []string{name.Execution}}))
	sources, err := k.LogSources(ctx, LogSelection{Projects: []string{tidyHome.Project}})
	k.used(sources, err)
	for _, source := range sources {
		_, _, err := k.OpenLog(ctx, source.ID, tasklog.Query{})
		k.used(nil, err)
	}
}

// listAll lists jobs, executions and tasks: of one, of a location, and of all.
func (k *kept) listAll(execution string) {
	k.t.Helper()
	ctx := k.t.Context()
	k.used(k.Tasks(ctx, &runpb.ListTasksRequest{Parent: execution}))
	for _, region := range []string{tidyHome.Region, jobspec.Wildcard} {
		at := jobspec.Location{Project: tidyHome.Project, Region: region}
		for _, id := range []string{"one", jobspec.Wildcard} {
			of := jobspec.JobName{Location: at, Job: id}.Execution(jobspec.Wildcard)
			for _, deleted := range []bool{false, true} {
				k.used(k.SelectJobs(ctx, Selection[*runpb.Job]{Of: of, Deleted: deleted}))
				k.used(k.SelectExecutions(ctx, Selection[*runpb.Execution]{Of: of, Deleted: deleted}))
				k.used(k.SelectTasks(ctx, Selection[*runpb.Task]{Of: of, Deleted: deleted}))
			}
		}
	}
}

// used takes the results of a call that must succeed.
func (k *kept) used(_ any, err error) {
	k.t.Helper()
	if err != nil {
		k.t.Error(err)
	}
}
