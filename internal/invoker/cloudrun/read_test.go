package cloudrun

import (
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
)

const reportName = "projects/demo/locations/us-east4/jobs/report"

func TestReads(t *testing.T) {
	t.Parallel()
	s := &server{
		job:   &runpb.Job{Name: reportName},
		list:  []*runpb.Job{{Name: reportName}, {Name: reportName + "-2"}, {Name: reportName + "-3"}},
		execs: []*runpb.Execution{{Name: "e1"}, {Name: "e2"}},
	}
	c := s.start(t)

	job, err := c.Job(t.Context(), "report")
	if diff := cmp.Diff(s.job, job, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("Job() = %v (-want +got):\n%s", err, diff)
	}
	var jobs []*runpb.Job
	for job, err := range c.Jobs(t.Context()) {
		if err != nil {
			t.Fatalf("Jobs() = %v", err)
		}
		jobs = append(jobs, job)
	}
	if diff := cmp.Diff(s.list, jobs, protocmp.Transform()); diff != "" {
		t.Errorf("Jobs() (-want +got):\n%s", diff)
	}
	execution, err := c.Execution(t.Context(), "e1")
	if diff := cmp.Diff(s.execs[0], execution, protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("Execution() = %v (-want +got):\n%s", err, diff)
	}
	var executions []*runpb.Execution
	for execution, err := range c.Executions(t.Context(), "report") {
		if err != nil {
			t.Fatalf("Executions() = %v", err)
		}
		executions = append(executions, execution)
	}
	if diff := cmp.Diff(s.execs, executions, protocmp.Transform()); diff != "" {
		t.Errorf("Executions() (-want +got):\n%s", diff)
	}
}

func TestReadFailures(t *testing.T) {
	t.Parallel()
	closed := listen(t)
	_ = closed.Close()
	endpoint := "http://" + closed.Addr().String()
	c := dial(t, Config{Endpoint: endpoint})

	_, err := c.Job(t.Context(), "report")
	if want := endpoint + " cannot be reached: start the server, or correct --endpoint"; err == nil || err.Error() != want {
		t.Errorf("Job() = %v, want %q", err, want)
	}
	if got := runwith.CodeOf(err); got != runwith.Unavailable {
		t.Errorf("CodeOf(%v) = %v, want %v", err, got, runwith.Unavailable)
	}
	n := 0
	for _, err := range c.Jobs(t.Context()) {
		n++
		if runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Jobs() yields %v, want UNAVAILABLE", err)
		}
	}
	if n != 1 {
		t.Errorf("Jobs() yields %d times, want the error once", n)
	}
}

func TestJobOf(t *testing.T) {
	t.Parallel()
	updated := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	got := JobOf(&runpb.Job{
		Name: reportName, UpdateTime: timestamppb.New(updated),
		Template: &runpb.ExecutionTemplate{TaskCount: 2, Template: &runpb.TaskTemplate{
			Retries: &runpb.TaskTemplate_MaxRetries{MaxRetries: 3}, Timeout: durationpb.New(10 * time.Minute),
			Containers: []*runpb.Container{{
				Name: "main", Image: "report:1", Command: []string{"/report"}, Args: []string{"-v"},
				Env: []*runpb.EnvVar{{Name: "KEY", Values: &runpb.EnvVar_Value{Value: "secret"}}},
			}},
		}},
	})
	want := runwith.Job{
		Name: "report", Resource: reportName, TaskCount: 2, MaxRetries: 3, Timeout: "10m0s", Updated: updated,
		Containers: []runwith.Container{{Name: "main", Image: "report:1", Command: []string{"/report"}, Args: []string{"-v"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JobOf() (-want +got):\n%s", diff)
	}
}
