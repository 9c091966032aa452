package console

import (
	"net/http"
	"sync"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
)

// act is what can be done with chosen invocations.
type act struct {
	Name string // of its path below /invocations
	// why returns why it cannot be done with an invocation; empty: it can.
	why func(row) string
	// do does it, and returns the invocation to look at. key is of this form and invocation.
	do func(c *call, id, key string) (_ runwith.Invocation, replayed bool, err error)
	// done is the key of the notice after it was done with one invocation.
	done string
}

// cancelling asks for the end of invocations.
func cancelling() act {
	return act{
		Name: "cancel", why: whyNoCancel, done: "cancel",
		do: func(c *call, id, _ string) (runwith.Invocation, bool, error) {
			i, err := c.server.Invoker.Cancel(c.Context(), id)
			return i, false, err
		},
	}
}

// rerunning runs invocations again as they were. The keys make a second submit of the form
// return the invocations of the first.
func rerunning() act {
	return act{
		Name: "rerun", why: whyNoRerun, done: "start",
		do: func(c *call, id, key string) (runwith.Invocation, bool, error) {
			return c.server.Invoker.Rerun(c.Context(), invoker.Rerun{ID: id, Key: key})
		},
	}
}

// whyNoCancel returns why an invocation is not cancelled; empty: it can be.
func whyNoCancel(r row) string {
	switch {
	case r.State == runwith.StateUnresolved:
		return "It is unresolved: somebody must decide what became of it."
	case r.State.Terminal():
		return "It has ended already."
	case !r.CancelRequested.IsZero():
		return "Its cancel was requested already."
	case !r.May.Cancel:
		return "You may not cancel it: you need the verb cancel for job " + r.Job + "."
	}
	return ""
}

// whyNoRerun returns why an invocation is not run again; empty: it can be.
func whyNoRerun(r row) string {
	switch {
	case !r.May.Rerun:
		return "You may not start it: you need the verb start for job " + r.Job + "."
	case r.Request == nil:
		return "It was read back from its execution, so its request is unknown."
	}
	return ""
}

// bulkAtOnce is how many invocations an act is done with at the same time. The store commits
// them together.
const bulkAtOnce = 32

// act does the act with each invocation. What cannot be done is not tried, so an invocation that
// has ended meanwhile is named as such.
func (d *bulkData) act(c *call, a act, ids []string) page {
	rows := make([]bulkRow, len(ids))
	slots := make(chan struct{}, bulkAtOnce)
	var all sync.WaitGroup
	for n, id := range ids {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			rows[n] = d.one(c, a, id)
		})
	}
	all.Wait()
	for _, r := range rows {
		d.add(r)
	}
	d.Done = true
	if len(ids) == 1 && len(d.Ready) == 1 {
		return redirect("/invocations/"+d.Ready[0].After.ID, a.done)
	}
	if len(d.Ready) == 0 {
		return bulkPage(*d, http.StatusConflict)
	}
	return bulkPage(*d, http.StatusOK)
}

// one does the act with one invocation.
func (d *bulkData) one(c *call, a act, id string) bulkRow {
	var asked bulkData
	asked.ask(c, a, []string{id})
	if len(asked.Left) > 0 {
		return asked.Left[0]
	}
	r := asked.Ready[0]
	var err error
	if r.After, r.Replayed, err = a.do(c, id, d.Key+"/"+id); err != nil {
		r.Why = apierror.Public(apierror.Ended(c.Context(), err)).Message
	}
	return r
}
