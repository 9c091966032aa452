package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/runwith/runwith/internal/durablefile"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker/api"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/invoker/console/session"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
)

// consoleKey is the file in the data folder with the secret of the console's sessions and forms.
const consoleKey = "console.key"

// openConsole opens the console over the same parts as the API.
func (s *invokerStack) openConsole(ctx context.Context, parts api.Config, data string, f invokerFlags) error {
	if f.noConsole {
		return nil
	}
	visitors, err := s.visitors(ctx, data, f)
	if err != nil {
		return err
	}
	c := console.Config{
		Invoker: parts.Invoker, Callbacks: parts.Callbacks, Events: parts.Events, Schedules: parts.Schedules,
		API: s.handler, Access: s.access, Visitors: visitors,
		Checks: []func(context.Context) error{s.checkSite}, Notes: []func() string{s.noteSite},
		Now: s.store.Now, Version: parts.Version, Logger: parts.Logger, Context: parts.Context,
	}
	if f.development != nil {
		c.Engine = &console.Engine{Data: data, CloudRun: s.cloudRun}
	}
	s.console = console.New(c)
	return nil
}

// visitors returns who uses the console: the callers of the configuration; without one,
// everybody is the local user of up, or anonymous.
func (s *invokerStack) visitors(ctx context.Context, data string, f invokerFlags) (*session.Visitors, error) {
	c := session.Config{}
	var err error
	if c.Secret, err = consoleSecret(ctx, s.store, data, f.store == "ephemeral"); err != nil {
		return nil, err
	}
	if f.development != nil {
		c.Principal = principal.LocalUser
	}
	if s.callers != nil {
		c.Callers = s.callers.auth
	}
	return session.New(c), nil
}

// consoleSecret reads the secret of the console, and makes it when it is first needed. Servers that
// share a store share it too, so that a visitor may reach any of them. In a folder that does not
// last, it lasts as long as the process.
func consoleSecret(ctx context.Context, s keptStore, data string, ephemeral bool) ([]byte, error) {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // it does not fail
	if ephemeral {
		return secret, nil
	}
	if shared, ok := s.(*postgres.Store); ok {
		return shared.Secret(ctx, consoleKey, secret)
	}
	file := filepath.Join(data, consoleKey)
	kept, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return secret, durablefile.Write(file, secret, 0o600)
	}
	if err == nil && len(kept) != len(secret) {
		err = fmt.Errorf("%s has %d bytes instead of %d: remove it, and visitors sign in again", file, len(kept), len(secret))
	}
	if err != nil {
		return nil, fmt.Errorf("open secret of the console: %w", err)
	}
	return kept, nil
}

// checkSite returns why the site cannot do its work, as /readyz does.
func (s *invokerStack) checkSite(ctx context.Context) error {
	for _, check := range s.site.Checks {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// noteSite returns the notes of the site.
func (s *invokerStack) noteSite() string {
	var notes []string
	for _, note := range s.site.Notes {
		if text := note(); text != "" {
			notes = append(notes, text)
		}
	}
	return strings.Join(notes, "; ")
}

// addConsole adds the console to a site.
func (s *invokerStack) addConsole(site *httpserver.Site) {
	if s.console == nil {
		return
	}
	s.site = site
	site.Root = s.console
	for _, pattern := range console.Patterns() {
		site.Routes = append(site.Routes, httpserver.Route{
			Pattern: pattern, Handler: s.console, WriteError: console.WriteError, Guard: guard.Rule{Raw: true, Linked: true},
		})
	}
}
