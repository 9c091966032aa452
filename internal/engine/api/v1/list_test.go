package v1_test

import (
	"fmt"
	"sync"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	runv1 "google.golang.org/api/run/v1"

	"github.com/runwith/runwith"
)

func jobMeta(j *runv1.Job) *runv1.ObjectMeta             { return j.Metadata }
func executionMeta(x *runv1.Execution) *runv1.ObjectMeta { return x.Metadata }
func taskMeta(t *runv1.Task) *runv1.ObjectMeta           { return t.Metadata }

// The host has the region. At a host without one, lists have all regions, and all other
// methods use the server's own.
func TestHostSelectsRegion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	east, west := dial(t, s, "us-east4-run.localhost"), dial(t, s, "europe-west1-run.googleapis.com:443")
	global := dial(t, s, "run.googleapis.com")
	east.create(t, shell("a", "true"))
	west.create(t, shell("a", "true"))
	global.create(t, shell("b", "true"))
	for name, test := range map[string]struct {
		client *client
		want   string
	}{
		"east":   {east, "us-east4/a us-east4/b"},
		"west":   {west, "europe-west1/a"},
		"global": {global, "europe-west1/a us-east4/a us-east4/b"},
	} {
		list, err := test.client.jobs.List("namespaces/demo").Do()
		if err != nil {
			t.Fatal(err)
		}
		if got := namesOf(list.Items, jobMeta); got != test.want || list.Kind != "JobsList" || list.ApiVersion != "run.googleapis.com/v1" {
			t.Errorf("%s: jobs.list = %s (%s, %s), want %s", name, got, list.Kind, list.ApiVersion, test.want)
		}
	}
	_, err := west.jobs.Get("namespaces/demo/jobs/b").Do()
	wantCode(t, "jobs.get in the other region", err, runwith.NotFound, "in region 'europe-west1'")
	if job, err := global.jobs.Get("namespaces/demo/jobs/a").Do(); err != nil || job.Metadata.Labels["cloud.googleapis.com/location"] != "us-east4" {
		t.Errorf("jobs.get of the global host = %v, %v; want that of the server's own region", job, err)
	}

	inEast, inWest := global.finish(t, s, global.run(t, "a", nil)), west.finish(t, s, west.run(t, "a", nil))
	_, err = east.executions.Get("namespaces/demo/executions/" + inWest.Metadata.Name).Do()
	wantCode(t, "executions.get in the other region", err, runwith.NotFound, "in region 'us-east4'")
	list, err := global.executions.List("namespaces/demo").LabelSelector("run.googleapis.com/job=a").Do()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("europe-west1/%s us-east4/%s", inWest.Metadata.Name, inEast.Metadata.Name)
	if got := namesOf(list.Items, executionMeta); got != want || list.Kind != "ExecutionsList" {
		t.Errorf("executions.list of the global host = %s (%s), want %s", got, list.Kind, want)
	}
	tasks, err := global.tasks.List("namespaces/demo").LabelSelector("run.googleapis.com/execution=" + inWest.Metadata.Name).Do()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := namesOf(tasks.Items, taskMeta), "europe-west1/"+inWest.Metadata.Name+"-task0"; got != want || tasks.Kind != "TasksList" {
		t.Errorf("tasks.list of the global host = %s (%s), want %s", got, tasks.Kind, want)
	}
}

// A project's ID and number are the same namespace. Other projects have no number.
func TestNamespaceIsProjectIDOrNumber(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.localhost")
	for namespace, answers := range map[string]string{"123456789012": "123456789012", "other": "other", "example.com:scoped": "example.com:scoped"} {
		job := shell(hello, "true")
		job.Metadata.Namespace = namespace
		created, err := c.jobs.Create("namespaces/"+namespace, job).Do()
		if err != nil || created.Metadata.Namespace != answers {
			t.Errorf("jobs.create in %s = %+v, %v; want it in %s", namespace, created, err, answers)
		}
	}
	job, err := c.jobs.Get("namespaces/demo/jobs/hello").Do()
	if err != nil {
		t.Fatalf("jobs.get in demo = %v, want what was created in its number", err)
	}
	job.Metadata.Namespace = "demo"
	if _, err := c.jobs.ReplaceJob("namespaces/123456789012/jobs/hello", job).Do(); err != nil {
		t.Errorf("jobs.replaceJob with the ID in the body and the number in the path = %v", err)
	}
	job.Metadata.Namespace = "other"
	_, err = c.jobs.ReplaceJob("namespaces/demo/jobs/hello", job).Do()
	wantCode(t, "jobs.replaceJob of another namespace", err, runwith.InvalidArgument, `metadata.namespace: is "other", and the path names "demo"`)
}

func TestListPagesAndSelectors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.localhost")
	for i := range 7 {
		job := shell(fmt.Sprint("job-", i), "true")
		job.Metadata.Labels = map[string]string{"parity": []string{"even", "odd"}[i%2]}
		job.Spec.Template.Metadata = &runv1.ObjectMeta{Labels: map[string]string{"number": fmt.Sprint("n", i)}}
		job.Spec.Template.Spec.TaskCount = 5
		c.create(t, job)
	}
	for selector, want := range map[string]string{
		"":                                   "us-east4/job-0 us-east4/job-1 us-east4/job-2 us-east4/job-3 us-east4/job-4 us-east4/job-5 us-east4/job-6",
		"parity=odd":                         "us-east4/job-1 us-east4/job-3 us-east4/job-5",
		"parity in (even), !none":            "us-east4/job-0 us-east4/job-2 us-east4/job-4 us-east4/job-6",
		"parity,parity notin (even, odd)":    "",
		"cloud.googleapis.com/location=mars": "",
	} {
		if got := c.pagesOfJobs(t, selector, 2); got != want {
			t.Errorf("jobs.list(%q) page by page = %q, want %q", selector, got, want)
		}
	}

	var ended []*runv1.Execution
	for _, job := range []string{"job-1", "job-2", "job-1"} {
		ended = append(ended, c.finish(t, s, c.run(t, job, nil)))
	}
	name := func(i int) string { return "us-east4/" + ended[i].Metadata.Name }
	for selector, want := range map[string]string{
		"":                               name(2) + " " + name(1) + " " + name(0),
		"run.googleapis.com/job = job-1": name(2) + " " + name(0),
		"run.googleapis.com/job = job-1, run.googleapis.com/servingState = Active": "",
		"run.googleapis.com/job in (job-2),number=n2":                              name(1),
		"run.googleapis.com/job != job-1":                                          name(1),
		"run.googleapis.com/job = nobody":                                          "",
		"run.googleapis.com/job = -":                                               "",
		"run.googleapis.com/job = No Job":                                          "",
	} {
		list, err := c.executions.List("namespaces/demo").LabelSelector(selector).Do()
		if selector == "run.googleapis.com/job = No Job" {
			wantCode(t, "executions.list of a bad selector", err, runwith.InvalidArgument, "labelSelector: character 29: ")
			continue
		}
		if err != nil {
			t.Fatalf("executions.list(%q) = %v", selector, err)
		}
		if got := namesOf(list.Items, executionMeta); got != want {
			t.Errorf("executions.list(%q) = %q, want %q", selector, got, want)
		}
	}

	of := "run.googleapis.com/execution = " + ended[0].Metadata.Name
	for selector, want := range map[string]int{
		of: 5,
		of + ",run.googleapis.com/runningState in (Succeeded,Failed)": 5,
		of + ",run.googleapis.com/runningState = Failed":              0,
		of + ",run.googleapis.com/job = job-2":                        0,
		"run.googleapis.com/job = job-1":                              10,
		"run.googleapis.com/execution = job-1-zzzzz":                  0,
		"run.googleapis.com/execution = %":                            0,
		"":                                                            15,
	} {
		if got := c.countTasks(t, selector, 3); got != want {
			t.Errorf("tasks.list(%q) page by page has %d, want %d", selector, got, want)
		}
	}
}

// pagesOfJobs joins the pages of a list.
func (c *client) pagesOfJobs(t *testing.T, selector string, limit int64) string {
	t.Helper()
	var all []*runv1.Job
	for token := ""; ; {
		list, err := c.jobs.List("namespaces/demo").LabelSelector(selector).Limit(limit).Continue(token).Do()
		if err != nil {
			t.Fatalf("jobs.list(%q) = %v", selector, err)
		}
		if len(list.Items) > int(limit) {
			t.Errorf("jobs.list(%q) has a page of %d, want %d", selector, len(list.Items), limit)
		}
		all = append(all, list.Items...)
		if token = list.Metadata.Continue; token == "" {
			return namesOf(all, jobMeta)
		}
	}
}

// countTasks counts the tasks on the pages of a list.
func (c *client) countTasks(t *testing.T, selector string, limit int64) (n int) {
	t.Helper()
	for token := ""; ; {
		list, err := c.tasks.List("namespaces/demo").LabelSelector(selector).Limit(limit).Continue(token).Do()
		if err != nil {
			t.Fatalf("tasks.list(%q) = %v", selector, err)
		}
		n += len(list.Items)
		if token = list.Metadata.Continue; token == "" {
			return n
		}
	}
}

// gcloud asks for one page of jobs without a limit and never for a second.
func TestListWithoutLimitHasEverything(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c := dial(t, s, "us-east4-run.localhost")
	const jobs = 1001 // more than are read at once
	job := &runpb.Job{Template: &runpb.ExecutionTemplate{Template: &runpb.TaskTemplate{
		Containers: []*runpb.Container{{Image: "shell", Command: []string{"true"}}},
	}}}
	var creating sync.WaitGroup
	for i := range jobs {
		creating.Go(func() {
			req := &runpb.CreateJobRequest{Parent: parent, JobId: fmt.Sprintf("job-%04d", i), Job: job}
			if _, err := s.engine.CreateJob(t.Context(), req); err != nil {
				t.Error(err)
			}
		})
	}
	creating.Wait()
	list, err := c.jobs.List("namespaces/demo").Do()
	if err != nil || len(list.Items) != jobs || list.Metadata.Continue != "" {
		t.Errorf("jobs.list = %d jobs, continue %q, %v; want all %d", len(list.Items), list.Metadata.Continue, err, jobs)
	}
}
