package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
)

// configuration is the file of --config as a server uses it: who calls, and what callers may
// do. Its methods may be called concurrently, and while another version comes into use. Nil is
// a server without the file.
type configuration struct {
	auth   *auth.Authenticator
	policy atomic.Pointer[policy.Policy]
	// endpoints are where callbacks go, and sender sends them once it is open.
	endpoints atomic.Pointer[callback.Endpoints]
	sender    atomic.Pointer[callback.Sender]
	allowed   callback.Allowed
	// anonymous is the principal of requests without a credential, or nil to refuse them.
	anonymous func(*configfile.File) *principal.Principal
	callers   bool // the first version has callers
}

// openConfiguration reads the file of --config, or returns nil if there is none.
func openConfiguration(path string, allowed callback.Allowed, logger *slog.Logger, anonymous func(*configfile.File) *principal.Principal) (*configuration, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // nil is a server without the file
	}
	file, err := readConfiguration(path)
	if err != nil {
		return nil, err
	}
	c := &configuration{auth: auth.New(auth.Config{Logger: logger}), allowed: allowed, anonymous: anonymous, callers: len(file.Callers) > 0}
	return c, c.use(file)
}

// readConfiguration reads a configuration file with its secrets.
func readConfiguration(path string) (*configfile.File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	return configfile.Read(path, string(content), secretsBeside(path))
}

// secretsBeside returns the secrets that a configuration file refers to.
func secretsBeside(path string) configfile.Resolver {
	return func(s configfile.Secret) (string, error) {
		if s.Env != "" {
			if value := env(s.Env, ""); value != "" {
				return value, nil
			}
			return "", errors.New("the environment variable is not set")
		}
		name := s.File
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return "", errors.New("the file cannot be read")
		}
		return string(content), nil
	}
}

// use takes a version of the file into use.
func (c *configuration) use(file *configfile.File) error {
	if file.Verify == configfile.CloudRunIAM && env("K_SERVICE", "") == "" {
		return runwith.Errorf(runwith.FailedPrecondition, "verify: cloud-run-iam trusts tokens that only Cloud Run has checked, and this is no Cloud Run service (K_SERVICE is not set): use verify: signatures")
	}
	endpoints, err := endpointsOf(file, c.allowed)
	if err != nil {
		return err
	}
	p, err := policy.New(file, endpoints)
	if err != nil {
		return err
	}
	if err := c.auth.Use(file, c.anonymous(file)); err != nil {
		return err
	}
	c.policy.Store(p)
	c.endpoints.Store(endpoints)
	if sender := c.sender.Load(); sender != nil {
		sender.Use(endpoints)
	}
	return nil
}

// addTo makes a site authenticate the requests of the invoker's route, and show its metrics
// only to operators.
func (c *configuration) addTo(site *httpserver.Site, invoker *httpserver.Route) {
	if c == nil {
		return
	}
	invoker.Authenticate, site.Operator = c.auth.Authenticate, c.operator
	site.Metrics = append(site.Metrics, c.auth.Metrics()...)
}

// operator returns the caller of a request if it operates the server.
func (c *configuration) operator(r *http.Request) (principal.Principal, error) {
	p, err := c.auth.Authenticate(r)
	if err != nil {
		return p, err
	}
	if !c.policy.Load().Allows(p, policy.EveryJob, policy.Operate) {
		return principal.Principal{}, runwith.Errorf(runwith.PermissionDenied,
			"caller %s may not read the metrics: it needs the grant operate on every job (callers.NAME.grants)", p)
	}
	return p, nil
}
