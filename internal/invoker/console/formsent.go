package console

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

// sentForm reads the form that the visitor has sent. If the job is gone, it returns an
// error beside the form, which keeps what the visitor has typed.
func (s *server) sentForm(c *call) (*form, error) {
	if err := c.ParseForm(); err != nil {
		return nil, &runwith.Error{Code: runwith.InvalidArgument, Message: "the form cannot be read", Err: err}
	}
	job, gone := s.jobOf(c, c.PathValue("job"))
	if gone != nil {
		job = runwith.Job{Name: c.PathValue("job"), Overrides: &runwith.AllowedOverrides{}}
	}
	f := newForm(job)
	if id := c.PostForm.Get("rerun"); id != "" {
		i, err := s.Invoker.Invocation(c.Context(), id)
		if err != nil {
			return nil, err
		}
		if i.Request != nil && i.Job == job.Name {
			f.Origin = c.origin(i)
		}
	}
	for i := range f.Parameters {
		f.Parameters[i].Hidden = f.Hides()
	}
	f.read(c.PostForm)
	return f, gone
}

// previewStart shows what the form would do, and adds rows to lists. It starts nothing.
func (s *server) previewStart(c *call) (page, error) {
	f, err := s.sentForm(c)
	if f == nil {
		return page{}, err
	}
	if err != nil {
		return c.refusedStart(f, err), nil
	}
	add, remove := c.PostForm.Get("add"), c.PostForm.Get("remove")
	f.change(add, remove)
	d := c.draw(f)
	if add+remove != "" {
		d.Faults = nil // the visitor is not done yet
	}
	d.Checked = len(d.Faults) > 0
	return d.page(http.StatusOK), nil
}

// start starts the job of a form. A form that has changed since it started a job starts another
// one; one that has not leads to the invocation that it has started.
func (s *server) start(c *call) (page, error) {
	f, err := s.sentForm(c)
	if f == nil {
		return page{}, err
	}
	if err == nil && f.Key == "" {
		f.Key, err = newKey(), runwith.Errorf(runwith.InvalidArgument, "the form had no key: it has one now, send it again")
	}
	if err != nil {
		return c.refusedStart(f, err), nil
	}
	q := f.request()
	if f.Seen != seen(f.Job) {
		f.Seen = seen(f.Job)
		d := c.draw(f)
		d.Stale, d.Checked = true, true
		return d.page(http.StatusConflict), nil
	}
	if f.Origin != nil {
		f.rerun(q, "") // notes hidden values
	}
	if err = s.tooLarge(c, f, q); err != nil || len(f.Faults) > 0 {
		return c.refusedStart(f, err), nil
	}
	i, replayed, err := s.startOnce(c, f, q)
	switch {
	case err != nil:
		return c.refusedStart(f, err), nil
	case replayed:
		return redirect("/invocations/"+i.ID, "start-before"), nil
	}
	return redirect("/invocations/"+i.ID, "start"), nil
}

// maxEdits is how often a form can start a job, each time after a change.
const maxEdits = 100

// startOnce starts the job. The key of a form stands for its first request. After a change the
// form has another key, which follows from the first, so that a repeat has it too.
func (s *server) startOnce(c *call, f *form, q runwith.Request) (i runwith.Invocation, replayed bool, err error) {
	key := f.Key
	for n := 2; n <= maxEdits; n++ {
		if i, replayed, err = s.startWith(c.Context(), f, q, key); !keyReused(err) {
			return i, replayed, err
		}
		key = f.Key + "/" + strconv.Itoa(n)
	}
	return i, replayed, err
}

// refusedStart shows the form again with the reason why it starts nothing.
func (c *call) refusedStart(f *form, err error) page {
	d := startData{form: f, Path: c.URL.Path}
	status := http.StatusUnprocessableEntity
	if code := runwith.CodeOf(err); code == runwith.NotFound {
		d.Gone, status = true, http.StatusNotFound
		d.JSON = indented(f.request())
	} else {
		d = c.draw(f)
	}
	if err != nil {
		f.refused(apierror.Ended(c.Context(), err))
		if apierror.Status(err) != http.StatusBadRequest {
			status = apierror.Status(err)
		}
	}
	d.Checked = true
	return d.page(status)
}

// startWith starts the job with one key.
func (s *server) startWith(ctx context.Context, f *form, q runwith.Request, key string) (runwith.Invocation, bool, error) {
	if f.Origin != nil {
		return s.Invoker.Rerun(ctx, f.rerun(q, key))
	}
	return s.Invoker.Invoke(ctx, invoker.Request{Job: f.Job.Name, Key: key, Asked: q})
}

// tooLarge returns why a request is larger than the job takes, or nil.
func (s *server) tooLarge(c *call, f *form, q runwith.Request) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if most := s.Access.MaxBody(c.Context(), f.Job.Name); most > 0 && len(body) > most {
		return runwith.Errorf(runwith.InvalidArgument, "the request has %d bytes, and job %s takes at most %d: make it smaller", len(body), f.Job.Name, most)
	}
	return nil
}
