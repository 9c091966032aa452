package console

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/callback"
)

const (
	// shownReruns and shownDeliveries are how many the page of an invocation shows.
	shownReruns, shownDeliveries = 10, 20
)

// invocationData is the page of an invocation.
type invocationData struct {
	runwith.Invocation

	May      access.Rights
	Steps    []step
	Tasks    *tasksData // nil: there are none to show
	Chosen   string     // index of the task to show, as the visitor has typed it
	Task     *runwith.Task
	Fault    string // why there is no such task; empty: there is, or none is chosen
	Changes  []runwith.Change
	Unknown  string // why the changes are unknown; empty: they are known
	Calls    []runwith.Delivery
	Reruns   []runwith.Invocation
	Curl     string // command that starts the same; empty: the request is unknown
	Command  string
	Masked   bool // the commands leave out values that the caller may not see
	Readable bool // there is output, or there will be
}

// invocation shows one invocation. It is live until the invocation has ended and its usage is
// known.
func (s *server) invocation(c *call) (page, error) {
	i, err := s.Invoker.Invocation(c.Context(), c.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	d := invocationData{Invocation: i, May: s.Access.Rights(c.Context(), i), Steps: stepsOf(i), Readable: i.Execution != ""}
	d.chooseTask(c.tasksOf(i), c.URL.Query()["task"])
	d.Changes, d.Unknown = c.changesOf(i)
	if d.Reruns, _, err = s.Invoker.Invocations(c.Context(), invoker.Filter{RerunOf: i.ID, PageSize: shownReruns}); err != nil {
		return page{}, err
	}
	if s.Callbacks != nil && c.operates() {
		if d.Calls, _, err = s.Callbacks.Deliveries(c.Context(), callback.Filter{Invocation: i.ID, PageSize: shownDeliveries}); err != nil {
			return page{}, err
		}
	}
	if i.Request != nil {
		q := *i.Request
		q.StartAt = time.Time{} // it is of that start
		d.Curl, d.Command = curlOf(c.server.address(c), i.Job, q, c.signedIn), commandOf(c.server.address(c), i.Job, q)
		d.Masked = !d.May.Values && hasValues(*i.Request)
	}
	return page{Template: "invocation", Title: i.Job + " " + short(i.ID), Nav: "/invocations", Live: d.changes(s.Now()), Module: d.module(), Status: d.status(), Data: d}, nil
}

// chooseTask chooses one of the tasks, if the visitor has asked for one.
func (d *invocationData) chooseTask(tasks *tasksData, chosen []string) {
	d.Tasks = tasks
	switch {
	case len(chosen) == 0 || tasks == nil || tasks.Count == 0:
	case len(chosen) > 1:
		d.Fault = fmt.Sprintf("The page shows one task, not %d.", len(chosen))
	default:
		d.Chosen = chosen[0]
		if d.Task = tasks.task(d.Chosen); d.Task == nil {
			d.Fault = "There is no task with the index " + d.Chosen + ". " + indexesOf(tasks.Count)
		}
	}
}

// indexesOf is a sentence about the indexes of some tasks.
func indexesOf(tasks int) string {
	if tasks == 1 {
		return "The only task has the index 0."
	}
	return fmt.Sprintf("The tasks have the indexes 0 to %d.", tasks-1)
}

// status returns the HTTP status of the page.
func (d invocationData) status() int {
	if d.Fault != "" {
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// changesOf returns in what a run differs from its job, or why that is unknown. It asks once for
// a live page: nothing changes there, and Cloud Run has a quota of reads.
func (c *call) changesOf(i runwith.Invocation) (_ []runwith.Change, unknown string) {
	values := c.server.Access.Rights(c.Context(), i).Values
	if c.memo.changed && c.memo.values == values {
		return c.memo.changes, c.memo.unknown
	}
	changes, err := c.server.Invoker.Changes(c.Context(), i.ID)
	if err != nil {
		unknown = apierror.Public(apierror.Ended(c.Context(), err)).Message
	}
	c.memo.changed, c.memo.values, c.memo.changes, c.memo.unknown = true, values, changes, unknown
	return changes, unknown
}

// Choices are what the caller can decide about it, if it is unresolved.
func (d invocationData) Choices() []choice {
	if !d.May.Resolve {
		return nil
	}
	return choicesOf(d.Invocation)
}

// Cancellable reports whether the caller can cancel it now.
func (d invocationData) Cancellable() bool {
	return d.May.Cancel && !d.State.Settled() && d.CancelRequested.IsZero()
}

// Rerunnable reports whether the caller can run it again.
func (d invocationData) Rerunnable() bool { return d.May.Rerun && d.Request != nil }

// TasksUnknown reports whether the failure must name its tasks, because they are not listed.
func (d invocationData) TasksUnknown() bool { return d.Tasks == nil || d.Tasks.Unknown != "" }

// Only returns the chosen task as a list.
func (d invocationData) Only() []runwith.Task { return []runwith.Task{*d.Task} }

// usageSoon is how long after the end the usage is awaited.
const usageSoon = time.Minute

// changes reports whether something on the page can still change: the invocation, its usage, or
// a callback. now is by the store's clock.
func (d invocationData) changes(now time.Time) bool {
	switch {
	case !d.State.Terminal():
		return d.State != runwith.StateUnresolved || d.Finished.IsZero()
	case d.Usage == nil && d.Execution != "" && now.Sub(d.Finished) < usageSoon:
		return true
	}
	return slices.ContainsFunc(d.Calls, func(c runwith.Delivery) bool { return c.State == runwith.DeliveryPending })
}

// module returns the module of the grid, if there is one.
func (d invocationData) module() string {
	if d.Tasks != nil && d.Tasks.Grid() {
		return "grid"
	}
	return ""
}
