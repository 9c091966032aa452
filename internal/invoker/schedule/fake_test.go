package schedule_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/schedule"
	"github.com/runwith/runwith/internal/invoker/store"
)

// server is a stand-in for the invoker and its store. It outlives the schedules.
type server struct {
	mu       sync.Mutex
	rows     map[string]ledger.Schedule
	started  []runwith.Invocation // in their order
	launched []invoker.Launch     // with them
	times    []time.Time          // of them
	keys     map[string]int       // owner and key: index of started
	ended    map[string]bool
	fail     error         // of Launch; nil: none
	lost     bool          // Launch succeeds, and its answer is lost
	unsaved  error         // of SaveSchedules
	offset   time.Duration // of the clock
	calls    int
	slow     time.Duration // that Launch takes
	slowRead time.Duration // that the answer of Schedule takes
	slowSave time.Duration // that the answer of SaveSchedules takes

	holder *member // of the lease
	until  time.Time
}

// Alone reports that one process has the store.
func (s *server) Alone() bool { return true }

// Hold grants the lease.
func (s *server) Hold(context.Context, string, time.Duration) (int64, error) { return 1, nil }

// Release does nothing.
func (s *server) Release(context.Context, string) error { return nil }

// member is a server as one of several processes has opened it.
type member struct{ *server }

// Alone reports that there are others.
func (m *member) Alone() bool { return false }

// Hold grants the lease unless another process has it.
func (m *member) Hold(_ context.Context, _ string, period time.Duration) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder != m && m.until.After(time.Now()) {
		return 0, nil
	}
	m.holder, m.until = m, time.Now().Add(period)
	return 1, nil
}

// Release ends the lease if this process has it.
func (m *member) Release(context.Context, string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder == m {
		m.holder = nil
		m.until = time.Time{}
	}
	return nil
}

func newServer() *server {
	return &server{rows: map[string]ledger.Schedule{}, keys: map[string]int{}, ended: map[string]bool{}}
}

func (s *server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.offset)
}

func (s *server) Launch(_ context.Context, l invoker.Launch) (runwith.Invocation, bool, error) {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.fail != nil {
		return runwith.Invocation{}, false, s.fail
	}
	at := ledger.SourceName(&l.Source) + " " + l.Key
	if n, taken := s.keys[at]; taken && l.Key != "" {
		return s.started[n], true, nil
	}
	if l.Slot.Overflow == ledger.Rejecting && s.runs(ledger.SourceName(&l.Source)) {
		return runwith.Invocation{}, false, runwith.Errorf(runwith.Aborted, "the slot is taken")
	}
	i := runwith.Invocation{ID: fmt.Sprintf("id-%d", len(s.started)+1), Job: l.Job, Source: &l.Source, State: runwith.StateRunning}
	s.keys[at] = len(s.started)
	s.started, s.launched, s.times = append(s.started, i), append(s.launched, l), append(s.times, time.Now().Add(s.offset))
	if s.lost {
		return runwith.Invocation{}, false, runwith.Errorf(runwith.Unavailable, "lost")
	}
	return i, false, nil
}

// runs reports whether a source has an unfinished invocation. The lock is held.
func (s *server) runs(source string) bool {
	return slices.ContainsFunc(s.started, func(i runwith.Invocation) bool { return ledger.SourceName(i.Source) == source && !s.ended[i.ID] })
}

func (s *server) Launched(_ context.Context, l invoker.Launch) (i runwith.Invocation, found bool, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, found := s.keys[ledger.SourceName(&l.Source)+" "+l.Key]
	if found = found && l.Key != ""; found {
		i = s.started[n]
	}
	return i, found, nil
}

func (s *server) List(_ context.Context, q store.Query) (found []ledger.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, i := range slices.Backward(s.started) {
		if ledger.SourceName(i.Source) == q.Source && !(q.Unfinished && s.ended[i.ID]) && len(found) < q.Limit {
			found = append(found, ledger.Record{Invocation: i, Key: ledger.KeyOf(q.Source, s.launched[n].Key)})
		}
	}
	return found, nil
}

func (s *server) Schedules(context.Context) (all []ledger.Schedule, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.rows)), nil
}

func (s *server) Schedule(_ context.Context, name string) (ledger.Schedule, error) {
	s.mu.Lock()
	defer time.Sleep(s.slowRead)
	defer s.mu.Unlock()
	if row, ok := s.rows[name]; ok {
		return row, nil
	}
	return ledger.Schedule{}, store.NotFound(name)
}

func (s *server) SaveSchedules(_ context.Context, rows []ledger.Schedule) (saved []ledger.Schedule, err error) {
	s.mu.Lock()
	defer time.Sleep(s.slowSave)
	defer s.mu.Unlock()
	if s.unsaved != nil {
		return nil, s.unsaved
	}
	for _, row := range rows {
		if s.rows[row.Name].Version == row.Version {
			if row.Version++; row.Version == 1 {
				row.Version = row.FirstVersion()
			}
			s.rows[row.Name] = row
			saved = append(saved, row)
		}
	}
	return saved, nil
}

func (s *server) RemoveSchedule(_ context.Context, name string, version int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[name].Version != version {
		return false, nil
	}
	delete(s.rows, name)
	return true, nil
}

// set changes the server under its lock.
func (s *server) set(by func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by()
}

// slots returns the slots of what was started, and ends all of it.
func (s *server) slots() (slots []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.started {
		slots = append(slots, i.Source.Slot.UTC().Format("02 15:04"))
		s.ended[i.ID] = true
	}
	return slots
}

// plans compiles the schedules of a file.
func plans(t *testing.T, schedules string) map[string]*schedule.Plan {
	t.Helper()
	file, err := configfile.Read("f", "jobs: {job: {}}\nschedules:\n"+schedules, nil)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := schedule.Compile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// open opens schedules on a server. They are closed with the test at the latest.
func open(t *testing.T, s schedule.Store, c schedule.Config) *schedule.Schedules {
	t.Helper()
	c.Store, c.Configured = s, true
	c.Starter, _ = s.(schedule.Starter)
	c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	opened, err := schedule.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, opened) })
	synctest.Wait()
	return opened
}

func closed(t *testing.T, s *schedule.Schedules) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// in runs a test in a bubble, whose clock begins at midnight of 2000-01-01 UTC.
func in(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// after lets time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func get(t *testing.T, s *schedule.Schedules, name string) runwith.Schedule {
	t.Helper()
	found, err := s.Schedule(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var errRefused = &runwith.Error{Code: runwith.InvalidArgument, Message: "parameters.tenant: is required", Err: cause.Parameters}
