package console_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/invoker/inbox"
)

func TestEmptyServerGreets(t *testing.T) {
	t.Parallel()
	f := &fake{list: []runwith.Job{{Name: "test-job"}}}
	open(t, f, "").get(t, "/").is(t, http.StatusOK).has(t, "Nothing has run yet", `href="/jobs/test-job/start"`, "runwith run --server http://127.0.0.1:", "test-job").lacks(t, "Last failures")
	open(t, &fake{}, "").get(t, "/").has(t, "There is no job that you may start", "runwith jobs apply")
}

func TestOverviewShowsWhatGoesOn(t *testing.T) {
	t.Parallel()
	waits, failed := number(3, runwith.StateQueued), number(2, runwith.StateFailed)
	waits.Waiting = &runwith.Waiting{For: runwith.HoldSlot, Message: "waits for a slot of key nightly"}
	failed.Error = &runwith.Failure{Message: "task 0 exited with code 3"}
	f := &fake{all: []runwith.Invocation{number(4, runwith.StateRunning), waits, failed}}
	for n := 1; n > -20; n-- {
		f.all = append(f.all, number(100+n, runwith.StateUnresolved))
	}
	f.usage = func() (runwith.UsageReport, error) {
		return runwith.UsageReport{Free: runwith.FreeTier{VCPUSeconds: 240_000}, Total: runwith.UsageGroup{Usage: runwith.Usage{VCPUSeconds: 60}}}, nil
	}
	open(t, f, "").get(t, "/").is(t, http.StatusOK).has(t, "The server works", "Needs a person", "10&#43; invocations with an unknown outcome", "/invocations?state=unresolved",
		"60 of 240\u202f000 s", "Runs", "inv-00004", "Waits", "waits for a slot of key nightly", "Last failures", "task 0 exited with code 3")
}

// An invocation that somebody has left unresolved needs nobody any more. An older one may.
func TestOverviewLeavesOutWhatIsDecided(t *testing.T) {
	t.Parallel()
	f := &fake{all: []runwith.Invocation{number(100, runwith.StateSucceeded)}}
	for n := range 60 {
		left := number(90-n, runwith.StateUnresolved)
		left.Finished = left.Created
		f.all = append(f.all, left)
	}
	open(t, f, "").get(t, "/").lacks(t, "Needs a person")
	f.all = append(f.all, number(1, runwith.StateUnresolved))
	open(t, f, "").get(t, "/").has(t, "1 invocation with an unknown outcome", "/invocations/inv-00001")
}

// inboxEvents is embedded under a name that is not its method's.
type inboxEvents api.Events

// callbacks and events are those of an operator's server.
type (
	callbacks struct{ api.Callbacks }
	events    struct{ inboxEvents }
)

func (callbacks) Deliveries(_ context.Context, f callback.Filter) ([]runwith.Delivery, string, error) {
	return []runwith.Delivery{{ID: "d", State: f.State}}, "", nil
}

func (callbacks) Endpoints(context.Context) ([]runwith.Endpoint, error) {
	return []runwith.Endpoint{{Name: "billing", State: runwith.EndpointDisabled}, {Name: "audit", State: runwith.EndpointOK}}, nil
}

func (events) Events(context.Context, inbox.Filter) ([]runwith.TriggerEvent, string, error) {
	return []runwith.TriggerEvent{{ID: "e"}}, "", nil
}

// Callbacks are for operators, so others do not hear of them.
func TestOverviewShowsMattersToThoseWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	const config = `
callers:
  viewer: {oidc: {issuer: google, subject: "1", audience: x}, grants: [view]}
  operator: {oidc: {issuer: google, subject: "2", audience: x}, grants: [operate]}
jobs: {reindex: {}}`
	s := open(t, &fake{all: history(3)}, config, func(c *console.Config) {
		c.Callbacks, c.Events = callbacks{}, events{}
		c.Notes = []func() string{func() string { return "the configuration has a mistake at runwith.yaml:3:5" }}
	})
	s.as("operator").get(t, "/").has(t, "(4) Overview", "the configuration has a mistake", "1 callback given up", "/callbacks?state=failed", "1 endpoint: billing", "1 event without a job", "/events/e")
	s.as("viewer").get(t, "/").has(t, "the configuration has a mistake", "1 event without a job").lacks(t, "callback given up", "billing")
}

func TestOverviewSaysWhyTheServerIsNotReady(t *testing.T) {
	t.Parallel()
	open(t, &fake{}, "", func(c *console.Config) {
		c.Checks = []func(context.Context) error{func(context.Context) error {
			return runwith.Errorf(runwith.Unavailable, "Cloud Run has not answered for 12s")
		}}
	}).get(t, "/").has(t, "Not ready: Cloud Run has not answered for 12s")
}
