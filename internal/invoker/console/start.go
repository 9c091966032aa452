package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/policy"
)

// startData is the page with the form that starts a job.
type startData struct {
	*form
	preview

	// Checked says that the visitor has sent the form, so faults are shown at their fields.
	Checked bool
	// Stale says that the job has changed since the visitor got the form.
	Stale bool
	// Gone says that the form cannot be sent any more.
	Gone bool
	// Lost says that the request of the invocation to run again is unknown.
	Lost string
	// Path is where the form is sent to.
	Path string
}

// choose lists the jobs that the caller may start. With a job or an invocation in the URL, it
// shows the form.
func (s *server) choose(c *call) (page, error) {
	query := c.URL.Query()
	switch {
	case query.Get("rerun") != "":
		return s.startAgain(c, query.Get("rerun"))
	case query.Get("job") != "":
		return s.startJob(c, query.Get("job"))
	}
	all, err := s.Invoker.Jobs(c.Context())
	if err != nil {
		return page{}, err
	}
	all = slices.DeleteFunc(all, func(j runwith.Job) bool { return !s.Access.Can(c.Context(), j.Name, policy.Start) })
	slices.SortFunc(all, func(a, b runwith.Job) int { return cmp.Compare(a.Name, b.Name) })
	return page{Template: "choose", Title: "Start a job", Nav: "/jobs", Data: all}, nil
}

// startOf shows the form of the job in the path.
func (s *server) startOf(c *call) (page, error) { return s.startJob(c, c.PathValue("job")) }

func (s *server) startJob(c *call, name string) (page, error) {
	job, err := s.startable(c, name)
	if err != nil {
		return page{}, err
	}
	f := newForm(job)
	f.linked(c.URL.Query())
	return c.fresh(f).page(http.StatusOK), nil
}

// startAgain shows the form of an invocation that runs again.
func (s *server) startAgain(c *call, id string) (page, error) {
	i, err := s.Invoker.Invocation(c.Context(), id)
	if err != nil {
		return page{}, err
	}
	job, err := s.startable(c, i.Job)
	if err != nil {
		return page{}, err
	}
	f := newForm(job)
	if i.Request == nil {
		d := c.draw(f)
		d.Lost = i.ID
		return d.page(http.StatusOK), nil
	}
	f.Origin = c.origin(i)
	f.again()
	return c.fresh(f).page(http.StatusOK), nil
}

// fresh completes the page of a form that the visitor has not sent. What is missing is no fault
// yet, unless the form runs an invocation again.
func (c *call) fresh(f *form) startData {
	checked := len(f.Faults) > 0 || f.Origin != nil
	d := c.draw(f)
	d.Checked = checked && len(f.Faults) > 0
	return d
}

func (c *call) origin(i runwith.Invocation) *origin {
	return &origin{i, c.server.Access.Rights(c.Context(), i).Values}
}

// startable returns a job that the caller may start.
func (s *server) startable(c *call, name string) (runwith.Job, error) {
	job, err := s.jobOf(c, name)
	if err == nil && !s.Access.Can(c.Context(), name, policy.Start) {
		err = runwith.Errorf(runwith.PermissionDenied, "you may not start job %s: you need the verb start for it, which the server's configuration does not grant", name)
	}
	return job, err
}

// jobOf returns a job. If Cloud Run does not answer, it is what the configuration knows: a start is
// accepted all the same, and waits for Cloud Run.
func (s *server) jobOf(c *call, name string) (runwith.Job, error) {
	job, err := s.Invoker.Job(c.Context(), name)
	if err == nil || runwith.CodeOf(err) == runwith.NotFound || runwith.CodeOf(err) == runwith.InvalidArgument {
		return job, err
	}
	all, listing := s.Invoker.Jobs(c.Context())
	if at := slices.IndexFunc(all, func(j runwith.Job) bool { return j.Name == name }); listing == nil && at >= 0 {
		return all[at], nil
	}
	return runwith.Job{}, err
}

// draw completes the page of a form.
func (c *call) draw(f *form) startData {
	return startData{form: f, preview: c.preview(f), Path: "/jobs/" + url.PathEscape(f.Job.Name) + "/start"}
}

func (d startData) page(status int) page {
	return page{
		Template: "start", Title: "Start " + cmp.Or(d.Job.Title, d.Job.Name), Nav: "/jobs", Module: "start", Data: d, Status: status,
	}
}
