package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/invoker/schedule"
	"github.com/runwith/runwith/internal/invoker/trigger"
	"github.com/runwith/runwith/internal/metrics"
	"github.com/runwith/runwith/internal/principal"
	httpserver "github.com/runwith/runwith/internal/server"
)

// configuration is the file of --config as a server uses it: who calls, and what callers may
// do. Its methods may be called concurrently, and while another version comes into use. Nil is
// a server without the file.
type configuration struct {
	watcher *configfile.Watcher
	auth    *auth.Authenticator
	policy  atomic.Pointer[policy.Policy]
	// endpoints are where callbacks go, and sender sends them once it is open.
	endpoints atomic.Pointer[callback.Endpoints]
	sender    atomic.Pointer[callback.Sender]
	// plans are the schedules, which schedules start once the invoker is open.
	plans     atomic.Pointer[map[string]*schedule.Plan]
	schedules atomic.Pointer[schedule.Schedules]
	// triggers receive events once the invoker is open. Until then, file is for them.
	triggers atomic.Pointer[trigger.Triggers]
	file     atomic.Pointer[configfile.File]
	allowed  callback.Allowed
	invoker  atomic.Pointer[invoker.Invoker] // once it is open
	// anonymous is the principal of requests without a credential, or nil to refuse them.
	anonymous func(*configfile.File) *principal.Principal
	callers   bool // the first version has callers
}

// openConfiguration reads the file of --config, or returns nil if there is none.
func openConfiguration(path string, allowed callback.Allowed, logger *slog.Logger, anonymous func(*configfile.File) *principal.Principal) (*configuration, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // nil is a server without the file
	}
	c := &configuration{auth: auth.New(auth.Config{Logger: logger}), allowed: allowed, anonymous: anonymous}
	c.watcher = &configfile.Watcher{
		Name: path, Content: contentOf(path), Resolve: secretsBeside(path), Use: c.use, Logger: logger,
	}
	err := c.watcher.Load()
	if _, ok := errors.AsType[*configfile.FaultsError](err); err != nil && !ok {
		err = fmt.Errorf("--config: %w%s", err, makeOne(err))
	}
	return c, err
}

// makeOne is the next step if there is no configuration file.
func makeOne(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return ": make one with runwith init"
	}
	return ""
}

// contentOf returns a function that reads the content of a configuration file.
func contentOf(path string) func() (string, error) {
	return func() (string, error) {
		return readAtMost(path, configfile.MaxFile)
	}
}

// readAtMost returns the content of a file. It stops one byte beyond the limit, so that the
// reader of the content sees that it is too large. It does not wait for somebody to open a
// named pipe and write to it.
func readAtMost(path string, limit int64) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil || len(content) > 0 {
		return string(content), err
	}
	if info, err := f.Stat(); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		return "", fmt.Errorf("%s is a named pipe to which nobody writes: use a file", path)
	}
	return "", nil
}

// readConfiguration reads a configuration file with its secrets. Its errors leave the path out.
func readConfiguration(path string) (*configfile.File, error) {
	content, err := contentOf(path)()
	if err != nil {
		return nil, fmt.Errorf("%w%s", withoutPath(err), makeOne(err))
	}
	return configfile.Read(path, content, secretsBeside(path))
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
		content, err := readAtMost(name, configfile.MaxSecret)
		if err != nil {
			return "", fmt.Errorf("the file cannot be read: %w", withoutPath(err))
		}
		return content, nil
	}
}

// withoutPath returns the reason of an error about a file. The path may be a secret, which
// somebody wrote there by mistake.
func withoutPath(err error) error {
	if reason, ok := errors.AsType[*fs.PathError](err); ok {
		return reason.Err
	}
	return err
}

// use takes a version of the file into use: all of it, or nothing.
func (c *configuration) use(file *configfile.File) error {
	check := file.Check()
	if file.Verify == configfile.CloudRunIAM && env("K_SERVICE", "") == "" {
		check.Addf("verify", "cloud-run-iam trusts tokens that only Cloud Run has checked, and this is no Cloud Run service (K_SERVICE is not set): use signatures")
	}
	anonymous := c.anonymous(file)
	if c.callers && len(file.Callers) == 0 && anonymous != nil && anonymous.Proof != principal.Local {
		check.Addf("callers", "has no callers any more, and then everybody may start jobs: restart the server if you want that")
	}
	endpoints, unreachable := endpointsOf(file, c.allowed)
	p, err := policy.New(file, endpoints)
	plans, unplanned := compileSchedules(file, p)
	if err := configfile.Join(check.Err(), unreachable, err, trigger.Check(file), unplanned); err != nil {
		return err
	}
	if err := c.auth.Use(file, anonymous); err != nil {
		return err
	}
	c.policy.Store(p)
	c.endpoints.Store(endpoints)
	if sender := c.sender.Load(); sender != nil {
		sender.Use(endpoints)
	}
	if i := c.invoker.Load(); i != nil {
		i.Reconsider()
	}
	c.file.Store(file)
	c.plans.Store(&plans)
	if schedules := c.schedules.Load(); schedules != nil {
		schedules.Use(plans)
	}
	c.callers = c.callers || len(file.Callers) > 0
	if triggers := c.triggers.Load(); triggers != nil {
		return triggers.Use(file) // which was checked above, so there is no error
	}
	return nil
}

// current returns the policy in use; nil if there is no configuration.
func (c *configuration) current() *policy.Policy {
	if c == nil {
		return nil
	}
	return c.policy.Load()
}

// subscribers returns the endpoints that hear of an invocation whose own ones are lost.
func (c *configuration) subscribers(job string, labels map[string]string) []ledger.Subscriber {
	known, _ := c.endpoints.Load().Subscribers(job, labels, nil) // only a request's URL can be wrong
	return known
}

// addTo makes a site authenticate the requests of the invoker's route, and show its metrics
// only to operators.
func (c *configuration) addTo(site *httpserver.Site, route *httpserver.Route) {
	if c == nil {
		return
	}
	route.Authenticate, site.Operator = c.auth.Authenticate, c.operator
	site.Metrics = slices.Concat(site.Metrics, c.auth.Metrics(), c.metrics())
	site.Notes = append(site.Notes, c.note)
}

// note returns what /readyz says if the newest version of the file is not in use. Everybody
// may read that, so it names only the place of the first mistake.
func (c *configuration) note() string {
	state := c.watcher.State()
	if state.Fault == nil {
		return ""
	}
	at := configfile.Place(state.Fault)
	if at == "" {
		at = c.watcher.Name
	}
	return fmt.Sprintf("the configuration has a mistake at %s, so the version of %s is still in use; the log has more", filepath.Base(at), state.Used.UTC().Format(time.RFC3339))
}

// metrics returns whether the newest version of the file is in use.
func (c *configuration) metrics() []metrics.Metric {
	return []metrics.Metric{
		metrics.Gauge("runwith_config_up_to_date", "Whether the newest version of the configuration file is in use; 0 if it has a mistake.",
			func(context.Context) (value float64, err error) {
				if c.watcher.State().Fault == nil {
					value = 1
				}
				return value, nil
			}),
		metrics.Gauge("runwith_config_used_timestamp_seconds", "When the version of the configuration file in use was read, in seconds since 1970.",
			func(context.Context) (float64, error) { return float64(c.watcher.State().Used.Unix()), nil }),
	}
}

// operator returns the caller of a request if it operates the server.
func (c *configuration) operator(r *http.Request) (principal.Principal, error) {
	p, err := c.auth.Authenticate(r)
	if err != nil {
		return p, err
	}
	if !c.current().Allows(p, policy.EveryJob, policy.Operate) {
		return principal.Principal{}, runwith.Errorf(runwith.PermissionDenied,
			"caller %s may not read the metrics: it needs the verb operate for every job (callers.NAME.grants)", p)
	}
	return p, nil
}
