package console

import (
	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/jobspec"
)

// listSize is the number of rows on a page of the list.
const listSize = 50

// row is an invocation in a list, with what the caller may do with it.
type row struct {
	runwith.Invocation

	May access.Rights
}

// MayCancel reports whether the row has a button that cancels.
func (r row) MayCancel() bool { return r.May.Cancel && whyNoCancel(r) == "" }

// MayRerun reports whether the row has a button that runs it again.
func (r row) MayRerun() bool { return r.May.Rerun && whyNoRerun(r) == "" }

// rows returns what the caller may do with invocations.
func (c *call) rows(all []runwith.Invocation) []row {
	rows := make([]row, len(all))
	for n, i := range all {
		rows[n] = row{i, c.server.Access.Rights(c.Context(), i)}
	}
	return rows
}

// listData is the page with the list of invocations.
type listData struct {
	filter

	Rows []row
	// Acts means that the caller may cancel or run again at least one row.
	Acts   bool
	Jobs   []string // to choose from
	Groups []group
	States []runwith.State
	// Newest and Older are the addresses of other pages; empty: there are none. Here is the
	// page's own.
	Newest, Older, Here string
}

// invocations lists the invocations that the caller sees.
func (s *server) invocations(c *call) (page, error) {
	d := listData{filter: filterOf(c.URL), Groups: groups, States: states}
	if err := d.fill(c); err != nil {
		return page{}, err
	}
	jobs, err := s.Invoker.Jobs(c.Context())
	if err != nil && runwith.CodeOf(err) != runwith.Unavailable { // the list works without names to choose from
		return page{}, err
	}
	for _, j := range jobs {
		d.Jobs = append(d.Jobs, j.Name)
	}
	return page{Template: "invocations", Title: "Invocations", Nav: "/invocations", Live: len(d.Faults) == 0, Module: "list", Status: d.status(), Data: d}, nil
}

// fill reads the rows. What the invoker does not understand is a fault of the filter.
func (d *listData) fill(c *call) error {
	d.Here = d.Path(d.Page)
	if d.Page != "" {
		d.Newest = d.Path("")
	}
	q := d.only()
	if len(d.Faults) > 0 {
		return nil
	}
	q.PageSize = listSize
	found, next, err := c.server.Invoker.Invocations(c.Context(), q)
	if runwith.CodeOf(err) == runwith.InvalidArgument {
		d.blame(err)
		return nil
	} else if err != nil {
		return err
	}
	d.Rows = c.rows(found)
	for _, r := range d.Rows {
		d.Acts = d.Acts || r.MayCancel() || r.MayRerun()
	}
	if next != "" {
		d.Older = d.Path(next)
	}
	return nil
}

// blame turns an error of the invoker into faults.
func (d *listData) blame(err error) {
	for _, v := range jobspec.ViolationsOf(err) {
		if v.Path == "pageToken" {
			v = jobspec.Violation{Path: "page", Text: "There is no such page. Begin with the newest invocations."}
		}
		d.fault(v.Path, "The filter %s is not valid: %s.", v.Path, v.Text)
	}
	if len(d.Faults) == 0 {
		d.fault("", "%s", apierror.Public(err).Message)
	}
}
