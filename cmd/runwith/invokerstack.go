package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/inbox"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/schedule"
	"github.com/runwith/runwith/internal/invoker/trigger"
	httpserver "github.com/runwith/runwith/internal/server"
)

// googleLogDelay is how long Google's Cloud Logging may take to show a line.
const googleLogDelay = 10 * time.Second

// invokerStack is an invoker with its connection to Cloud Run and its API.
type invokerStack struct {
	cloudRun   *cloudrun.Client
	store      keptStore
	invoker    *invoker.Invoker
	sender     *callback.Sender
	schedules  *schedule.Schedules
	delivering *delivering
	triggers   *trigger.Triggers // nil without a configuration
	inbox      *inbox.Inbox
	handler    http.Handler
	console    http.Handler     // nil: there is none
	site       *httpserver.Site // whose health the console shows
	access     *access.Access
	callers    *configuration

	watching     sync.WaitGroup // reads new versions of the configuration
	stopWatching context.CancelFunc
}

// openInvoker opens an invoker in the data folder. When ctx is done, waiting requests end.
func openInvoker(ctx context.Context, data string, to cloudrun.Config, f invokerFlags, callers *configuration) (_ *invokerStack, err error) {
	s := &invokerStack{callers: callers}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.cloudRun, err = cloudrun.Dial(ctx, to); err != nil {
		return s, err
	}
	c, err := f.config()
	if err != nil {
		return s, err
	}
	slots, err := f.slots()
	if err != nil {
		return s, err
	}
	open := f.openStore
	if open == nil {
		open = func() (keptStore, error) { return openStore(ctx, data, f.store, to.Logger) }
	}
	if s.store, err = open(); err != nil {
		return s, err
	}
	c.Store, c.CloudRun, c.Logger = s.store, s.cloudRun, to.Logger
	if c.Local = to.Endpoint != ""; !c.Local {
		c.LogDelay = googleLogDelay
	}
	if callers != nil {
		c.Rates = func() map[string]ledger.Quota { return callers.current().Rates() }
		c.Budgets = func() ledger.Budgets { return callers.current().Budgets() }
		c.Subscribers = callers.subscribers
		c.Targets = func() []string { return callers.current().Targets() }
	}
	if s.invoker, err = invoker.Open(ctx, c); err != nil {
		return s, err
	}
	if callers != nil {
		callers.invoker.Store(s.invoker)
	}
	if err = s.openCallbacks(ctx, data, f, to.Logger); err != nil {
		return s, err
	}
	s.delivering = &delivering{Invoker: s.invoker, sender: s.sender}
	parts, err := s.openParts(ctx, slots, c.Ephemeral, to.Logger)
	if err != nil {
		return s, err
	}
	s.handler = api.New(parts)
	return s, s.openConsole(ctx, parts, data, f)
}

// openParts opens what API and console serve, behind the check of callers. With a
// configuration, it reads new versions of it until ctx is done.
func (s *invokerStack) openParts(ctx context.Context, slots map[string]ledger.Slot, ephemeral bool, logger *slog.Logger) (api.Config, error) {
	c := api.Config{Version: version(), Logger: logger, Context: ctx}
	if s.callers == nil {
		open := policy.Open(s.sender.Current())
		current := func() *policy.Policy { return open }
		checked := access.New(flagTerms{s.delivering, slots}, current)
		s.access = checked
		if err := s.openSchedules(checked, current, ephemeral, logger); err != nil {
			return c, err
		}
		c.Invoker, c.Callbacks, c.Schedules = checked, access.NewCallbacks(s.sender, current), access.NewSchedules(s.schedules, checked)
		s.inbox = inbox.New(s.store, trigger.New(trigger.Config{}), logger)
		c.Events = access.NewEvents(s.inbox, current)
		return c, nil
	}
	checked := access.New(s.delivering, s.callers.current)
	s.access = checked
	if err := s.openTriggers(checked, logger); err != nil {
		return c, err
	}
	if err := s.openSchedules(checked, s.callers.current, ephemeral, logger); err != nil {
		return c, err
	}
	watch, stop := context.WithCancel(ctx)
	s.stopWatching = stop
	s.watching.Go(func() { s.callers.watcher.Run(watch) })
	c.Invoker, c.MaxBody = checked, checked.MaxBody
	c.Callbacks, c.Schedules = access.NewCallbacks(s.sender, s.callers.current), access.NewSchedules(s.schedules, checked)
	s.inbox = inbox.New(s.store, s.triggers, logger)
	c.Events = access.NewEvents(s.inbox, s.callers.current)
	return c, nil
}

// openTriggers opens the triggers of the configuration.
func (s *invokerStack) openTriggers(starter trigger.Starter, logger *slog.Logger) error {
	s.triggers = trigger.New(trigger.Config{Starter: starter, Events: s.store, Authenticate: s.callers.auth.Authenticate, Logger: logger, Now: s.store.Now})
	s.callers.triggers.Store(s.triggers)
	return s.triggers.Use(s.callers.file.Load())
}

// addTo adds the invoker to a site. Its API gets the requests that match pattern.
func (s *invokerStack) addTo(site *httpserver.Site, pattern string) *httpserver.Site {
	route := httpserver.Route{Pattern: pattern, Handler: s.handler, WriteError: apierror.WriteProblem}
	s.callers.addTo(site, &route)
	site.Routes = append(site.Routes, route)
	if s.triggers != nil {
		site.Routes = append(site.Routes, httpserver.Route{
			Pattern: trigger.Pattern, Handler: s.triggers, WriteError: apierror.WriteProblem, Guard: trigger.BodyRule, OwnTrace: true,
		})
		site.Metrics = append(site.Metrics, s.triggers.Metrics()...)
	}
	s.addConsole(site)
	site.Links = append([]httpserver.Link{
		{Path: "/api/v1/jobs", Text: "Jobs that you can start"},
		{Path: "/api/v1/invocations", Text: "Invocations, newest first"},
		{Path: "/api/v1/openapi.json", Text: "Description of the API (OpenAPI)"},
	}, site.Links...)
	site.Checks = append(site.Checks, s.store.Ready, s.invoker.Ready)
	site.Metrics = slices.Concat(site.Metrics, s.invoker.Metrics(), s.store.Metrics(), s.cloudRun.Metrics(), s.sender.Metrics(), s.inbox.Metrics(), s.schedules.Metrics())
	return site
}

// Close waits for the current calls to Cloud Run and closes the state.
func (s *invokerStack) Close() error {
	if s.stopWatching != nil {
		s.stopWatching()
		s.watching.Wait()
	}
	var errs []error
	if s.schedules != nil {
		errs = append(errs, s.schedules.Close())
	}
	if s.invoker != nil {
		errs = append(errs, s.invoker.Close())
	}
	if s.sender != nil {
		errs = append(errs, s.sender.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.cloudRun != nil {
		errs = append(errs, s.cloudRun.Close())
	}
	return errors.Join(errs...)
}
