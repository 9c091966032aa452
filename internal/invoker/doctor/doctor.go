// Package doctor examines whether an invoker can do its work: its state, its clock, its
// credential, its jobs, and its endpoints. It changes nothing, starts no job and
// sends no event.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/runwith/runwith/internal/disk"
	"github.com/runwith/runwith/internal/invoker/callback"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/jobspec"
	"github.com/runwith/runwith/internal/sqlite"
)

// checkTimeout limits each check.
const checkTimeout = 15 * time.Second

// Config is what to examine. The zero value examines nothing.
type Config struct {
	// Stores are the databases, by their name.
	Stores []Store
	// Data is the folder that has them; empty examines no disk.
	Data string

	// CloudRun is the Cloud Run Jobs API with its credential. Its project and region may be
	// empty, which is a problem.
	CloudRun cloudrun.Config
	// Home returns the project and region of an engine. It is nil for Google's Cloud Run.
	Home func(context.Context) (jobspec.Location, error)

	// File is the configuration file; nil without one, or if FileError is why it cannot be
	// read.
	File      *configfile.File
	FilePath  string
	FileError error
	// Allowed are private ranges that callbacks may be sent to.
	Allowed callback.Allowed

	// Server is the URL of the running invoker; empty examines none. If Expected is false,
	// it need not run.
	Server   string
	Expected bool
	Version  string // of this program
	// HTTP makes the requests of the checks of clock, issuers and server. Required.
	HTTP *http.Client
}

// Store is a database.
type Store struct {
	Name string
	// Examine describes the database. The error is [fs.ErrNotExist] if there is none yet.
	Examine func(context.Context) (found string, err error)
}

// Status is the result of a check.
type Status string

// The results.
const (
	OK      Status = "ok"
	Problem Status = "problem"
	Skipped Status = "skipped"
)

// Finding is the result of one check, in one line.
type Finding struct {
	Status  Status `json:"status"`
	Check   string `json:"check"`             // what was checked, such as token
	Subject string `json:"subject,omitempty"` // which one, such as a job
	// Text is the finding, and for a problem the next step.
	Text string `json:"text"`
}

// Examine yields the finding of each check.
func Examine(ctx context.Context, c Config, found func(Finding)) {
	e := &examination{Config: c, found: found}
	e.configuration()
	e.stores(ctx)
	e.clocks(ctx)
	e.cloudRun(ctx)
	e.callers(ctx)
	e.server(ctx)
}

// cloudRun reports what Cloud Run answers. A check that has nothing to call is skipped.
func (e *examination) cloudRun(ctx context.Context) {
	authorized, placed := e.credential(ctx), e.placed()
	if !authorized || !placed {
		if placed {
			e.notCalled("project")
		}
		e.notCalled("job", "logs")
		return
	}
	client, err := cloudrun.Dial(ctx, e.CloudRun)
	if err != nil {
		e.problem("project", "", "%v", err)
		e.notCalled("job", "logs")
		return
	}
	defer client.Close()
	if !e.place(ctx, client) {
		e.notCalled("job", "logs")
		return
	}
	e.jobs(ctx, client)
	e.logs(ctx, client)
}

// notCalled skips checks that need Cloud Run.
func (e *examination) notCalled(checks ...string) {
	for _, check := range checks {
		e.skip(check, "", "not examined, because %s cannot be called", e.endpoint())
	}
}

// callers reports the other ends that the configuration file names: where tokens of callers come
// from, and where events go.
func (e *examination) callers(ctx context.Context) {
	switch {
	case e.File != nil:
		e.issuers(ctx)
		e.audiences()
		e.callbacks(ctx)
	case e.FileError != nil:
		for _, check := range []string{"issuer", "audience", "callback"} {
			e.skip(check, "", "not examined, because the configuration file cannot be used")
		}
	}
}

// examination is one run of all checks.
type examination struct {
	Config
	found func(Finding)
}

func (e *examination) ok(check, subject, format string, args ...any) {
	e.found(Finding{OK, check, subject, fmt.Sprintf(format, args...)})
}

func (e *examination) problem(check, subject, format string, args ...any) {
	e.found(Finding{Problem, check, subject, fmt.Sprintf(format, args...)})
}

func (e *examination) skip(check, subject, format string, args ...any) {
	e.found(Finding{Skipped, check, subject, fmt.Sprintf(format, args...)})
}

// configuration reports the mistakes of the configuration file, one each.
func (e *examination) configuration() {
	faults, many := errors.AsType[*configfile.FaultsError](e.FileError)
	switch {
	case many:
		for _, f := range faults.List {
			e.problem("config", e.FilePath, "%v", f)
		}
	case e.FileError != nil:
		e.problem("config", e.FilePath, "%v", e.FileError)
	case e.File != nil:
		e.ok("config", e.FilePath, "%s, %s, %s", count(len(e.File.Jobs), "job"), count(len(e.File.Callers), "caller"), count(len(e.File.Callbacks), "callback"))
	default:
		e.skip("config", "", "no configuration file is given (--config)")
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// stores reports each database, and the room that they have.
func (e *examination) stores(ctx context.Context) {
	for _, s := range e.Stores {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		found, err := s.Examine(ctx)
		cancel()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			e.ok("store", s.Name, "does not exist yet; the first start creates it")
		case errors.Is(err, sqlite.ErrInUse):
			e.ok("store", s.Name, "is in use by a server that runs")
		case err != nil:
			e.problem("store", s.Name, "%v", err)
		default:
			e.ok("store", s.Name, "%s", found)
		}
	}
	e.disk()
}

// disk reports the room on the disk.
func (e *examination) disk() {
	if e.Data == "" {
		return
	}
	existing := e.Data
	for !exists(existing) && filepath.Dir(existing) != existing { // the first start creates it
		existing = filepath.Dir(existing)
	}
	d := disk.Of(existing)
	if err := d.Check(); err != nil {
		e.problem("disk", e.Data, "%v", err)
		return
	}
	e.ok("disk", e.Data, "%s are free", cmp.Or(d.Free(), "unknown amounts"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
