package api_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/logging"
	"cloud.google.com/go/logging/logadmin"
	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// dialAdmin is the official client of Cloud Logging that reads.
func dialAdmin(t *testing.T, s *server) *logadmin.Client {
	t.Helper()
	c, err := logadmin.NewClient(t.Context(), "demo", option.WithEndpoint(s.addr), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// adminEntries lists entries as LOG TASK SEVERITY PAYLOAD.
func adminEntries(t *testing.T, c *logadmin.Client, options ...logadmin.EntriesOption) (all []string) {
	t.Helper()
	entries := c.Entries(t.Context(), options...)
	for {
		e, err := entries.Next()
		if errors.Is(err, iterator.Done) {
			return all
		}
		if err != nil {
			t.Fatalf("Entries() = %v", err)
		}
		all = append(all, describe(e))
	}
}

func describe(e *logging.Entry) string {
	_, log, _ := strings.Cut(e.LogName, "/logs/run.googleapis.com/")
	return fmt.Sprintf("%s %s %v %v", log, e.Labels["run.googleapis.com/task_index"], e.Severity, e.Payload)
}

// fleet runs three jobs in two regions, one after the other, and returns their
// executions.
func fleet(t *testing.T, c *client) (all []*runpb.Execution) {
	t.Helper()
	for _, job := range []struct{ name, script string }{
		{"projects/demo/locations/us-east4/jobs/alpha", `echo "alpha $CLOUD_RUN_TASK_INDEX"`},
		{"projects/demo/locations/europe-west1/jobs/beta", `{ echo beta; echo '{"severity":"ERROR","message":"broken","n":7}'; exit 3; } >&2`},
		{"projects/other/locations/us-east4/jobs/gamma", `echo gamma`},
	} {
		parent, id, _ := strings.Cut(job.name, "/jobs/")
		spec := shell(job.script)
		if id == "alpha" {
			spec.Template.TaskCount, spec.Template.Parallelism = 3, 1
		}
		op, err := c.jobs.CreateJob(t.Context(), &runpb.CreateJobRequest{Parent: parent, JobId: id, Job: spec})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := op.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		x, run := c.startJob(t, job.name)
		_, _ = run.Wait(t.Context()) // beta ends with an error
		all = append(all, c.execution(t, x.Name))
	}
	return all
}

func TestLoggingClientReadsAllExecutions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	executions := fleet(t, dialGRPC(t, s))
	admin := dialAdmin(t, s)
	all := []string{
		"stdout 0 Default alpha 0", "varlog/system 0 Info Container called exit(0).",
		"stdout 1 Default alpha 1", "varlog/system 1 Info Container called exit(0).",
		"stdout 2 Default alpha 2", "varlog/system 2 Info Container called exit(0).",
		"stderr 0 Default beta", `stderr 0 Error fields:{key:"message" value:{string_value:"broken"}} fields:{key:"n" value:{number_value:7}}`,
		"varlog/system 0 Warning Container called exit(3).",
	}
	alpha := executions[0].Name[strings.LastIndexByte(executions[0].Name, '/')+1:]
	for filter, want := range map[string][]string{
		"":                                    all,
		`resource.type="cloud_run_job"`:       all,
		`resource.type="gce_instance"`:        nil,
		`resource.labels.job_name="beta"`:     all[6:],
		`resource.labels.location="us-east4"`: all[:6],
		`resource.labels.location=("us-east4" OR "europe-west1") AND "alpha"`:             all[:6], // the job's name is a text of the entry
		`labels."run.googleapis.com/execution_name"="` + alpha + `"`:                      all[:6],
		`labels."run.googleapis.com/task_index"="1"`:                                      all[2:4],
		`labels."run.googleapis.com/task_index"="9"`:                                      nil,
		`log_id("run.googleapis.com/stderr") jsonPayload:*`:                               all[7:8],
		`logName="projects/demo/logs/run.googleapis.com%2Fvarlog%2Fsystem" severity>INFO`: all[8:],
		`severity>=ERROR`: all[7:8],
		`jsonPayload.n>6 AND jsonPayload.message="broken"`:                 all[7:8],
		`textPayload=~"^alpha [12]$"`:                                      {all[2], all[4]},
		`textPayload:"exit(3)" OR textPayload="beta"`:                      {all[6], all[8]},
		`timestamp<"2020-01-01"`:                                           nil,
		`resource.labels.project_id="other"`:                               nil, // the client asks for demo
		`resource.labels.job_name="alpha" resource.labels.job_name="beta"`: nil,
	} {
		got := adminEntries(t, admin, logadmin.Filter(filter))
		if diff := cmp.Diff(want, normal(got)); diff != "" {
			t.Errorf("%s: entries differ (-want +got):\n%s", filter, diff)
		}
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	if diff := cmp.Diff(newest, normal(adminEntries(t, admin, logadmin.NewestFirst(), logadmin.PageSize(2)))); diff != "" {
		t.Errorf("entries from the newest differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all, normal(adminEntries(t, admin, logadmin.ProjectIDs([]string{"123456789012"})))); diff != "" {
		t.Errorf("entries of the project by its number differ (-want +got):\n%s", diff)
	}
	both := adminEntries(t, admin, logadmin.ProjectIDs([]string{"demo", "other"}), logadmin.Filter("stdout"))
	if want := "stdout 0 Default gamma"; len(both) != 4 || both[3] != want {
		t.Errorf("entries of two projects = %q, want three of the one and %q", both, want)
	}
}

// normal takes out what the text form of messages varies on purpose.
func normal(entries []string) []string {
	for i, e := range entries {
		entries[i] = strings.ReplaceAll(strings.ReplaceAll(e, "\u00a0", " "), "  ", " ")
	}
	return entries
}

func TestLoggingClientListsLogsAndResources(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	admin := dialAdmin(t, s)
	if _, err := admin.Logs(t.Context()).Next(); !errors.Is(err, iterator.Done) {
		t.Errorf("Logs() of a project without executions = %v, want none", err)
	}
	c := dialGRPC(t, s)
	c.create(t, shell("true"))
	c.run(t, nil)
	var logs []string
	all := admin.Logs(t.Context())
	for {
		name, err := all.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, name)
	}
	want := []string{"run.googleapis.com/stderr", "run.googleapis.com/stdout", "run.googleapis.com/varlog/system"}
	if diff := cmp.Diff(want, logs); diff != "" {
		t.Errorf("Logs() differs (-want +got):\n%s", diff)
	}
	descriptor, err := admin.ResourceDescriptors(t.Context()).Next()
	if err != nil || descriptor.Type != "cloud_run_job" || len(descriptor.Labels) != 3 {
		t.Errorf("ResourceDescriptors() = %v, %v, want cloud_run_job with three labels", descriptor, err)
	}
	if err := admin.DeleteLog(t.Context(), "run.googleapis.com/stdout"); err == nil || !strings.Contains(err.Error(), "deleted with its execution") {
		t.Errorf("DeleteLog() = %v, want UNIMPLEMENTED that says why", err)
	}
}
