package console_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/invoker/schedule"
)

// nightly is a server's only schedule. It keeps the invocations of its manual starts by key.
type nightly struct {
	access.Changeable // nil: a method that is missing below panics

	started map[string]string
}

func (nightly) Schedule(context.Context, string) (runwith.Schedule, error) {
	return runwith.Schedule{Name: "nightly", ScheduleSpec: runwith.ScheduleSpec{Job: "reindex"}}, nil
}

func (nightly) Next(context.Context, string, int) ([]time.Time, error) { return nil, nil }

func (n nightly) Run(_ context.Context, _, key string, may schedule.Permit) (i runwith.Invocation, replayed bool, err error) {
	if err := may("reindex"); err != nil {
		return i, false, err
	}
	if i.ID, replayed = n.started[key]; !replayed {
		i.ID = "inv-of-" + key
		n.started[key] = i.ID
	}
	return i, replayed, nil
}

const scheduleCallers = `
callers:
  viewer: {oidc: {issuer: google, subject: "1", audience: x}, grants: [view]}
  starter: {oidc: {issuer: google, subject: "2", audience: x}, grants: [view, start]}
  operator: {oidc: {issuer: google, subject: "3", audience: x}, grants: [operate]}
jobs: {reindex: {}}`

// openNightly serves a console with the schedule nightly.
func openNightly(t *testing.T) (site, nightly) {
	t.Helper()
	n := nightly{started: map[string]string{}}
	return open(t, &fake{}, scheduleCallers, func(c *console.Config) {
		checked, _ := c.Access.(*access.Access)
		c.Schedules = access.NewSchedules(n, checked)
	}), n
}

// A form that is sent twice starts the job once, and one without a key never.
func TestScheduleRunsOnceForAForm(t *testing.T) {
	t.Parallel()
	s, n := openNightly(t)
	s = s.as("starter")
	for _, want := range []string{"/invocations/inv-of-k?done=start", "/invocations/inv-of-k?done=start-before"} {
		if got := s.post(t, "/schedules/nightly/run", "key", "k").is(t, http.StatusSeeOther).header.Get("Location"); got != want {
			t.Errorf("the form leads to %s, want %s", got, want)
		}
	}
	s.post(t, "/schedules/nightly/run").is(t, http.StatusBadRequest).has(t, "the form has no key")
	if len(n.started) != 1 {
		t.Errorf("the job was started for %v, want once", n.started)
	}
}

// What a caller may not do with a schedule is not shown.
func TestScheduleShowsWhatTheCallerMayDo(t *testing.T) {
	t.Parallel()
	s, _ := openNightly(t)
	s.as("viewer").get(t, "/schedules/nightly").is(t, http.StatusOK).lacks(t, "Run now", "Pause")
	s.as("starter").get(t, "/schedules/nightly").has(t, `name="key"`, "Run now").lacks(t, "Pause")
	s.as("operator").get(t, "/schedules/nightly").has(t, "Pause").lacks(t, "Run now")
}
