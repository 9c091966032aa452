package v1_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"
	runv1 "google.golang.org/api/run/v1"

	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/fault"
)

func (c *client) list(t *testing.T) (names []string) {
	t.Helper()
	all, err := c.executions.List("namespaces/demo").Context(t.Context()).Do()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all.Items {
		names = append(names, x.Metadata.Name)
	}
	return names
}

// A fault of RunJob applies to v1's jobs.run too.
func TestFaultsOfCalls(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule    string
		started int
		is      func(error) bool
	}{
		{"RunJob: answer-503, n=1", 1, func(err error) bool {
			e, ok := errors.AsType[*googleapi.Error](err)
			return ok && e.Code == http.StatusServiceUnavailable && strings.Contains(e.Body, `"UNAVAILABLE"`)
		}},
		{"RunJob: answer-lost, n=1", 1, func(err error) bool { return errors.Is(err, io.EOF) }},
		{"RunJob: quota-429=3s, n=1", 0, func(err error) bool {
			e, ok := errors.AsType[*googleapi.Error](err)
			return ok && e.Code == http.StatusTooManyRequests && e.Header.Get("Retry-After") == "3" && strings.Contains(e.Message, "'Job run requests'")
		}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			rule, err := fault.Parse(test.rule)
			if err != nil {
				t.Fatal(err)
			}
			s := openServer(t, engine.Config{}, fault.New(1, rule))
			c := dial(t, s, "us-east4-run.localhost")
			c.create(t, shell("hello", "true"))
			_, err = c.jobs.Run("namespaces/demo/jobs/hello", &runv1.RunJobRequest{}).Context(t.Context()).Do()
			if !test.is(err) {
				t.Errorf("jobs.run = %v", err)
			}
			if got := c.list(t); len(got) != test.started {
				t.Errorf("executions = %v, want %d", got, test.started)
			}
			c.run(t, "hello", nil)
		})
	}
}

func TestFaultsOfExecutions(t *testing.T) {
	t.Parallel()
	s := openServer(t, engine.Config{Fault: func(string) engine.Fault {
		return engine.Fault{NoTasks: true, ListAfter: time.Hour}
	}}, nil)
	c := dial(t, s, "us-east4-run.localhost")
	c.create(t, shell("hello", "true"))
	x := c.run(t, "hello", nil)
	if got := conditionOf(x.Status.Conditions, "Completed"); got != "Unknown/" {
		t.Errorf("jobs.run answers with Completed = %s, want Unknown", got)
	}
	x = c.finish(t, s, x)
	for kind, want := range map[string]string{"Completed": "False/ContainerMissing", "Started": "False/"} {
		if got := conditionOf(x.Status.Conditions, kind); got != want {
			t.Errorf("%s = %s, want %s", kind, got, want)
		}
	}
	if x.Status.FailedCount != 0 || x.Status.StartTime != "" || x.Status.CompletionTime == "" {
		t.Errorf("status = %+v, want an end without a beginning, and no count", x.Status)
	}
	tasks, err := c.tasks.List("namespaces/demo").LabelSelector("run.googleapis.com/execution=" + x.Metadata.Name).Context(t.Context()).Do()
	if err != nil || len(tasks.Items) != 0 {
		t.Errorf("tasks = %v, %v; want none", tasks, err)
	}
	if got := c.list(t); len(got) != 0 {
		t.Errorf("executions = %v, want none to be listed yet", got)
	}
}
