package main

import (
	"net/http"

	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
)

// newConsole returns the console over the same parts as the API.
func (s *invokerStack) newConsole(parts api.Config, engine *console.Engine) http.Handler {
	return console.New(console.Config{
		Invoker: parts.Invoker, Callbacks: parts.Callbacks, Events: parts.Events, Schedules: parts.Schedules,
		API: s.handler, Access: s.access, Visitors: console.Everybody(principal.LocalUser),
		Engine:  engine,
		Version: parts.Version, Logger: parts.Logger, Context: parts.Context,
	})
}

// addConsole adds the console to a site.
func (s *invokerStack) addConsole(site *httpserver.Site) {
	if s.console == nil {
		return
	}
	site.Root = s.console
	for _, pattern := range console.Patterns() {
		site.Routes = append(site.Routes, httpserver.Route{
			Pattern: pattern, Handler: s.console, WriteError: console.WriteError, Bodies: guard.Rule{Raw: true},
		})
	}
}
