package trigger

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/lograte"
	"github.com/runwith/runwith/internal/principal"
)

// Starter starts jobs.
type Starter interface {
	// Launch accepts a start, or returns the invocation that it repeats.
	Launch(ctx context.Context, l invoker.Launch) (_ runwith.Invocation, replayed bool, err error)
	// Launched returns the invocation that has the key of a launch, and whether there is one.
	Launched(ctx context.Context, l invoker.Launch) (_ runwith.Invocation, found bool, err error)
}

// Events keeps refused events.
type Events interface {
	// AddEvent stores an event, and returns how many older ones it has dropped.
	AddEvent(ctx context.Context, e ledger.RefusedEvent) (_ ledger.RefusedEvent, dropped int, err error)
}

// Config configures [Triggers]. Starter, Events and Authenticate are required.
type Config struct {
	Starter Starter
	Events  Events
	// Authenticate returns the caller of a request, or the error that answers it.
	Authenticate func(*http.Request) (principal.Principal, error)
	// Logger logs refused events without their values; nil discards them.
	Logger *slog.Logger
	// Now is the store's clock; nil is the machine's.
	Now func() time.Time
}

// Triggers receive events and start jobs for them. Its methods may be called concurrently.
type Triggers struct {
	starter      Starter
	events       Events
	authenticate func(*http.Request) (principal.Principal, error)
	log          *slog.Logger
	now          func() time.Time
	ids          ledger.IDs
	room         room
	counters     counters
	strangers    lograte.Limit // callers that are not a trigger's
	current      atomic.Pointer[map[string]*trigger]
}

// New returns triggers without any; [Triggers.Use] gives it some. It does no I/O.
func New(c Config) *Triggers {
	s := &Triggers{starter: c.Starter, events: c.Events, authenticate: c.Authenticate, log: c.Logger, now: c.Now, counters: newCounters()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.current.Store(&map[string]*trigger{})
	return s
}

// Use replaces all triggers by those of a file, or none if there is a mistake. Requests that
// are under way keep theirs.
func (s *Triggers) Use(f *configfile.File) error {
	all, err := compileAll(f)
	if err == nil {
		s.current.Store(&all)
	}
	return err
}

// Check returns the mistakes in the triggers of a file.
func Check(f *configfile.File) error {
	_, err := compileAll(f)
	return err
}

func compileAll(f *configfile.File) (map[string]*trigger, error) {
	all, check := map[string]*trigger{}, f.Check()
	for _, name := range slices.Sorted(maps.Keys(f.Triggers)) {
		t, err := compile(name, f)
		if err != nil {
			check.Addf(configfile.Path("triggers").Field(name), "%v", err)
		}
		all[name] = t
	}
	return all, check.Err()
}

// find returns a trigger, or nil if there is none with the name.
func (s *Triggers) find(name string) *trigger { return (*s.current.Load())[name] }

// Target returns the job of a trigger; empty if there is no such trigger.
func (s *Triggers) Target(name string) string {
	if t := s.find(name); t != nil {
		return t.spec.Job
	}
	return ""
}
