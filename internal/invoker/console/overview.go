package console

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/policy"
)

const (
	// shownAtMost is how many invocations a list of the overview has, and countedAtMost up to
	// where it counts: "10+" stands for more.
	shownAtMost   = 6
	countedAtMost = 10
	latestAtMost  = 10
)

// some are the newest of some invocations.
type some struct {
	Rows  []runwith.Invocation
	Count string
	Link  string // to all of them
}

// overviewData is the page with what is going on.
type overviewData struct {
	Health health
	// Matters are what needs a person.
	Matters                  []matter
	Running, Waiting, Failed some
	Latest                   []runwith.Invocation
	Usage                    runwith.UsageReport
	// Welcome is for a server on which nothing has run yet; nil otherwise.
	Welcome *welcome
}

// welcome tells a newcomer what to do.
type welcome struct {
	// Jobs are some that the caller may start.
	Jobs []runwith.Job
	More bool // there are others
}

// overview shows what is going on, as far as the caller may see it. Live overviews of the same caller
// share their reads.
func (s *server) overview(c *call) (page, error) {
	if c.wantsStream() {
		return s.overviews.of(c, s.readOverview)
	}
	return s.readOverview(c)
}

func (s *server) readOverview(c *call) (page, error) {
	d := overviewData{Health: s.health(c.Context())}
	for _, fill := range []func(*call) error{d.fillLatest, d.fillStates, d.fillUsage, d.fillMatters} {
		if err := fill(c); err != nil {
			return page{}, err
		}
	}
	return page{Template: "overview", Title: d.title(), Nav: "/", Live: true, Data: d}, nil
}

// title tells of open matters in the title of the browser's tab too.
func (d *overviewData) title() string {
	if len(d.Matters) > 0 {
		return fmt.Sprintf("(%d) Overview", len(d.Matters))
	}
	return "Overview"
}

func (d *overviewData) fillLatest(c *call) (err error) {
	d.Latest, _, err = c.server.Invoker.Invocations(c.Context(), invoker.Filter{PageSize: latestAtMost})
	if err != nil || len(d.Latest) > 0 {
		return err
	}
	d.Welcome, err = c.welcome()
	return err
}

// welcome returns what a newcomer can start.
func (c *call) welcome() (*welcome, error) {
	jobs, err := c.server.Invoker.Jobs(c.Context())
	if err != nil && runwith.CodeOf(err) != runwith.Unavailable {
		return nil, err
	}
	jobs = slices.DeleteFunc(jobs, func(j runwith.Job) bool { return !c.server.Access.Can(c.Context(), j.Name, policy.Start) })
	slices.SortFunc(jobs, func(a, b runwith.Job) int { return cmp.Compare(a.Name, b.Name) })
	w := &welcome{Jobs: jobs}
	if len(jobs) > shownAtMost {
		w.Jobs, w.More = jobs[:shownAtMost], true
	}
	return w, nil
}

// fillStates reads what runs, waits and has failed.
func (d *overviewData) fillStates(c *call) error {
	for _, part := range []struct {
		to     *some
		states string
		in     []runwith.State
	}{
		{&d.Running, "running", []runwith.State{runwith.StateStarting, runwith.StateRunning}},
		{&d.Waiting, "waiting", []runwith.State{runwith.StateAccepted, runwith.StateQueued}},
		{&d.Failed, "unsuccessful", []runwith.State{runwith.StateFailed, runwith.StateRefused}},
	} {
		found, _, err := c.server.Invoker.Invocations(c.Context(), invoker.Filter{States: part.in, PageSize: countedAtMost + 1})
		if err != nil {
			return err
		}
		*part.to = some{Rows: found[:min(len(found), shownAtMost)], Count: upTo(len(found)), Link: "/invocations?state=" + part.states}
	}
	return nil
}

// upTo returns a number, or that there are more than are counted.
func upTo(n int) string {
	if n > countedAtMost {
		return fmt.Sprintf("%d+", countedAtMost)
	}
	return fmt.Sprint(n)
}

func (d *overviewData) fillUsage(c *call) (err error) {
	d.Usage, err = c.server.Invoker.Usage(c.Context(), invoker.UsageQuery{})
	return err
}
