package console

import (
	"net/http"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

// bulkData is the page that asks whether something is to be done with chosen invocations, and
// the page that says what was done.
type bulkData struct {
	Act  string
	Back string // address of the list
	Key  string // of the form
	// Ready are those with which it can be done, Left the others.
	Ready, Left []bulkRow
	// Done says that it was done with those that are ready.
	Done bool
}

// bulkRow is one of the chosen invocations.
type bulkRow struct {
	row

	Why string // it was not done or cannot be
	// After is the invocation afterwards: the same one, or the new one.
	After    runwith.Invocation
	Replayed bool // it had been started by this form before
}

// bulk returns the view of an act. It asks first, and acts if the form says that it was
// confirmed.
func (s *server) bulk(a act) view {
	return func(c *call) (page, error) {
		if err := c.ParseForm(); err != nil {
			return page{}, &runwith.Error{Code: runwith.InvalidArgument, Message: "the form cannot be read", Err: err}
		}
		ids, back := chosenIDs(c.Form["id"]), ownPath(c.FormValue("back"))
		if back == "/" {
			back = "/invocations"
		}
		d := bulkData{Act: a.Name, Back: back, Key: c.PostFormValue("key")}
		switch {
		case len(ids) == 0:
			return bulkPage(d, http.StatusUnprocessableEntity), nil
		case len(ids) > invoker.MaxBatch:
			return page{}, runwith.Errorf(runwith.InvalidArgument, "%d invocations are chosen, and at most %d go at once: choose fewer", len(ids), invoker.MaxBatch)
		case c.Method == http.MethodPost && c.PostFormValue("confirmed") != "" && d.Key != "":
			return d.act(c, a, ids), nil
		}
		d.ask(c, a, ids)
		d.Key = newKey()
		return bulkPage(d, http.StatusOK), nil
	}
}

// chosenIDs returns each ID once.
func chosenIDs(all []string) (ids []string) {
	seen := map[string]bool{"": true}
	for _, id := range all {
		if !seen[id] {
			ids = append(ids, id)
		}
		seen[id] = true
	}
	return ids
}

func bulkPage(d bulkData, status int) page {
	title := map[string]string{"cancel": "Cancel invocations", "rerun": "Run invocations again"}[d.Act]
	return page{Template: "bulk", Title: title, Nav: "/invocations", Data: d, Status: status}
}

// ask finds out with which invocations the act can be done.
func (d *bulkData) ask(c *call, a act, ids []string) {
	for _, id := range ids {
		r := bulkRow{row: row{Invocation: runwith.Invocation{ID: id}}}
		if i, err := c.server.Invoker.Invocation(c.Context(), id); err != nil {
			r.Why = apierror.Public(err).Message
		} else {
			r.row = c.rows([]runwith.Invocation{i})[0]
			r.Why = a.why(r.row)
		}
		d.add(r)
	}
}

func (d *bulkData) add(r bulkRow) {
	if r.Why != "" {
		d.Left = append(d.Left, r)
		return
	}
	d.Ready = append(d.Ready, r)
}

// Title is the heading of the page.
func (d bulkData) Title() string {
	n := plural(len(d.Ready), "invocation")
	switch {
	case d.Done && d.Act == "cancel":
		return "Cancel requested for " + n
	case d.Done:
		return "Started " + n + " again"
	case len(d.Ready) == 0 && d.Act == "cancel":
		return "Nothing to cancel"
	case len(d.Ready) == 0:
		return "Nothing to run again"
	case d.Act == "cancel":
		return "Cancel " + n + "?"
	}
	return "Run " + n + " again?"
}

// Button is the text of the button that confirms.
func (d bulkData) Button() string {
	return strings.TrimSuffix(d.Title(), "?")
}

// Jobs are the jobs of those that are ready, with how many each has.
func (d bulkData) Jobs() (names []string) {
	counts := map[string]int{}
	for _, r := range d.Ready {
		if counts[r.Job]++; counts[r.Job] == 1 {
			names = append(names, r.Job)
		}
	}
	slices.Sort(names)
	for n, name := range names {
		names[n] = name + " (" + count(counts[name]) + ")"
	}
	return names
}
