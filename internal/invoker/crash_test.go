package invoker

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestCrash crashes at each commit and on either side of every call to Cloud Run, opens
// the store again and goes on, for each outcome that a start can have. After a crash
// nothing is written or called any more. The caller, who may have got no answer, then
// repeats its request with the same key. In the end there is exactly one execution, and
// it is the one that callers see. An endpoint has heard of its start and of its end, each at
// least once and always under the same ID, and of nothing else.
func TestCrash(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	answerLost := func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
		start()
		return nil, runwith.Errorf(runwith.Unavailable, "the connection broke")
	}
	for name, c := range map[string]crash{
		"started":     {},
		"answer lost": {run: answerLost},
		"request lost": {run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 0 {
				return nil, runwith.Errorf(runwith.Unavailable, "the connection broke")
			}
			return start(), nil
		}},
		"over quota at first": {run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 0 {
				return nil, runwith.Errorf(runwith.ResourceExhausted, "too many")
			}
			return start(), nil
		}},
		"cancelled":              {cancel: true},
		"answer lost, cancelled": {run: answerLost, cancel: true},
	} {
		for kind, g := range grounds() {
			t.Run(name+" in "+kind, func(t *testing.T) {
				t.Parallel()
				points, fresh := g.first(name), g.empty(t)
				for crashed := true; crashed; points += g.stride {
					h := fresh(t)
					synctest.Test(t, func(t *testing.T) { crashed = c.at(t, h, points) })
					if t.Failed() {
						t.Fatalf("crash point %d", points)
					}
				}
				if points < 20 {
					t.Errorf("there were %d points to crash at, want 20 or more", points)
				}
			})
		}
	}
}

// ground is where the crash table is played.
type ground struct {
	stride int // the step between the points that are tried
	// empty returns a function that makes an empty house for each point.
	empty func(t *testing.T) func(t *testing.T) house
}

// grounds are both stores. PostgreSQL plans each statement anew below in, so only some points are
// tried there, and each life has other ones.
func grounds() map[string]ground {
	return map[string]ground{
		"SQLite": {stride, func(*testing.T) func(t *testing.T) house {
			return func(t *testing.T) house { return inSQLite(filepath.Join(t.TempDir(), "invoker.db")) }
		}},
		"PostgreSQL": {postgresStride, func(t *testing.T) func(t *testing.T) house {
			address := newDatabase(t)
			return func(t *testing.T) house {
				postgrestest.Exec(t, address, deleteAll)
				return inDatabase(address)
			}
		}},
	}
}

// deleteAll empties a database, but for its schema and its clock.
const deleteAll = `DO $$ DECLARE t name; BEGIN
	FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('schema_version', 'fake_clock') LOOP
		EXECUTE format('DELETE FROM %I', t);
	END LOOP;
END $$`

// first returns the first point of a life.
func (g ground) first(life string) int { return len(life) % g.stride }

// crash is the life of one invocation: how its call is answered, and whether it is
// cancelled once it runs. If so, nothing else ends it.
type crash struct {
	run    func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error)
	cancel bool
}

// at lives through one invocation with a crash at the given point, and reports whether
// it reached that point.
func (c crash) at(t *testing.T, h house, point int) bool {
	real, end := &cloud{run: c.run, life: 2 * time.Second}, runwith.StateSucceeded
	if c.cancel {
		real.life, end = 0, runwith.StateCancelled
	}
	world := &mortal{left: point}
	request := asks("report", "k", runwith.Overrides{Args: []string{"a"}})
	request.Terms.Subscribers = []ledger.Subscriber{{Endpoint: "docs", Events: ledger.Events()}}
	ear := &ear{heard: map[string]ledger.Event{}}

	config := Config{
		Store: mortalStore{h.store(t), world}, CloudRun: mortalCloud{real, world}, Logger: slog.New(slog.DiscardHandler),
	}
	quick := func(c *Config) { c.CallTimeout, c.Settle = 5*time.Second, 5*time.Second }
	quick(&config)
	taken := false // the cancel was accepted, so it is not repeated
	hungUp := ear.listen(config.Store, world)
	v, err := Open(t.Context(), config)
	if err == nil {
		time.Sleep(time.Second) // the store has been found to be empty, or never will be
		if i, _, err := v.Invoke(t.Context(), request); err == nil {
			taken = c.live(t, v, i.ID) == nil
		}
	}
	crashed := world.end()
	if v != nil {
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	hungUp()
	if err := config.Store.Close(); err != nil {
		t.Fatal(err)
	}

	v = h.open(t, real, quick)
	hungUp = ear.listen(v.store, &mortal{left: math.MaxInt})
	<-v.Rebuilt()
	i, _, err := v.Invoke(t.Context(), request)
	if err != nil {
		t.Fatalf("the repeat = %v", err)
	}
	if !taken {
		if err := c.live(t, v, i.ID); err != nil {
			t.Fatalf("after the crash: %v", err)
		}
	}
	got := wait(t, v, i.ID)
	time.Sleep(time.Minute) // everything that could still happen
	if count, want := real.executions(), map[string]int{i.ID: 1}; !maps.Equal(count, want) {
		t.Errorf("executions = %v, want %v", count, want)
	}
	if got.State != end {
		t.Errorf("state = %s (%+v), want %s", got.State, got.Error, end)
	}
	if got.Twins != 0 {
		t.Errorf("twins = %d, want none", got.Twins)
	}
	hungUp()
	closeInvoker(t, v)
	ear.check(t, i.ID, end)
	return crashed
}

// ear is an endpoint. It survives the crash of the invoker.
type ear struct {
	mu    sync.Mutex
	heard map[string]ledger.Event // by ID of the delivery
	told  []string                // of the payloads
}

// listen delivers what is due to the ear until the returned function is called. There is a
// point on either side of each delivery.
func (e *ear) listen(s store.Store, world *mortal) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			due, _, err := s.DueDeliveries(ctx, time.Now(), 10*time.Second, 9, 9)
			for _, d := range due {
				if err != nil || world.step() != nil {
					return
				}
				e.hear(d)
				if world.step() != nil {
					return
				}
				d.State, d.Ended = ledger.DeliveryDelivered, time.Now()
				if s.SettleDeliveries(ctx, []ledger.Delivery{d}) != nil {
					return
				}
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
	}
}

func (e *ear) hear(d ledger.Delivery) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[d.ID] = d.Event
	e.told = append(e.told, string(d.Payload))
}

// check holds what was heard of an invocation to its start and its end.
func (e *ear) check(t *testing.T, id string, end runwith.State) {
	t.Helper()
	events := slices.Sorted(maps.Values(e.heard))
	want := []ledger.Event{ledger.EventStarted, ledger.Event("invocation." + end)}
	slices.Sort(want)
	if !slices.Equal(events, want) {
		t.Errorf("an endpoint has heard %v, want %v", events, want)
	}
	for _, text := range e.told {
		if !strings.Contains(text, `"data":{"id":"`+id+`"`) {
			t.Errorf("an endpoint was told %s, want it to be about %s", text, id)
		}
	}
}

// live waits for the end of an invocation, a minute at most, and returns an error if the
// cancel was not accepted.
func (c crash) live(t *testing.T, v *Invoker, id string) error {
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	if c.cancel {
		runs := func(i runwith.Invocation) bool { return i.Execution != "" || i.State.Settled() }
		if _, err := v.waitUntil(ctx, id, runs); err != nil {
			return err
		}
		if _, err := v.Cancel(ctx, id); err != nil {
			return err
		}
	}
	_, _ = v.Wait(ctx, id) // its end is checked after the crash
	return nil
}

var errDead = errors.New("the process has crashed")

// mortal is a world that ends at a point: then nothing happens any more.
type mortal struct {
	mu   sync.Mutex
	left int
	dead bool
}

// step is a point. All points after the last one fail.
func (m *mortal) step() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left--; m.left < 0 {
		m.dead = true
	}
	if m.dead {
		return errDead
	}
	return nil
}

// end ends the world, and reports whether it had ended before.
func (m *mortal) end() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	crashed := m.dead
	m.dead = true
	return crashed
}

// around calls do with a point on either side.
func around(m *mortal, do func() error) error {
	if err := m.step(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return m.step()
}

// mortalCloud has a point on either side of every call.
type mortalCloud struct {
	*cloud
	world *mortal
}

func (c mortalCloud) Run(ctx context.Context, job string, o *runpb.RunJobRequest_Overrides) (run cloudrun.Run, err error) {
	if err := c.world.step(); err != nil {
		return run, err
	}
	run, err = c.cloud.Run(ctx, job, o)
	if dead := c.world.step(); dead != nil {
		return cloudrun.Run{}, dead
	}
	return run, err
}

func (c mortalCloud) AwaitEnd(ctx context.Context, operation string, hold time.Duration) (e *runpb.Execution, err error) {
	err = around(c.world, func() error { e, err = c.cloud.AwaitEnd(ctx, operation, hold); return err })
	return e, err
}

func (c mortalCloud) Job(ctx context.Context, id string) (job *runpb.Job, err error) {
	err = around(c.world, func() error { job, err = c.cloud.Job(ctx, id); return err })
	return job, err
}

func (c mortalCloud) Execution(ctx context.Context, name string) (e *runpb.Execution, err error) {
	err = around(c.world, func() error { e, err = c.cloud.Execution(ctx, name); return err })
	return e, err
}

func (c mortalCloud) ExecutionPage(ctx context.Context, job, token string) (page []*runpb.Execution, next string, err error) {
	err = around(c.world, func() error { page, next, err = c.cloud.ExecutionPage(ctx, job, token); return err })
	return page, next, err
}

func (c mortalCloud) CancelExecution(ctx context.Context, name string) (operation string, err error) {
	err = around(c.world, func() error { operation, err = c.cloud.CancelExecution(ctx, name); return err })
	return operation, err
}

// mortalStore has a point on either side of every commit that changes something.
type mortalStore struct {
	store.Store
	world *mortal
}

func (s mortalStore) Accept(ctx context.Context, r ledger.Record, a ledger.Admission) (accepted store.Accepted, err error) {
	err = around(s.world, func() (err error) { accepted, err = s.Store.Accept(ctx, r, a); return err })
	return accepted, err
}

func (s mortalStore) AcceptEach(ctx context.Context, n []store.Newcomer) (results []store.AcceptedOrError, err error) {
	err = around(s.world, func() (err error) { results, err = s.Store.AcceptEach(ctx, n); return err })
	return results, err
}

func (s mortalStore) Move(ctx context.Context, m ledger.Move) (moved ledger.Record, err error) {
	err = around(s.world, func() (err error) { moved, err = s.Store.Move(ctx, m); return err })
	return moved, err
}

func (s mortalStore) MoveEach(ctx context.Context, moves []ledger.Move) (moved []ledger.Record, err error) {
	err = around(s.world, func() (err error) { moved, err = s.Store.MoveEach(ctx, moves); return err })
	return moved, err
}

// Hold takes no lease after the crash.
func (s mortalStore) Hold(ctx context.Context, name string, period time.Duration) (int64, error) {
	if err := s.world.alive(); err != nil {
		return 0, err
	}
	return s.Store.Hold(ctx, name, period)
}

// Release is none of a crash: others wait for the end of the lease.
func (s mortalStore) Release(ctx context.Context, name string) error {
	if err := s.world.alive(); err != nil {
		return err
	}
	return s.Store.Release(ctx, name)
}

// Close leaves the leases to their end after a crash.
func (s mortalStore) Close() error {
	if crashed := s.world.alive() != nil; crashed && !s.Alone() {
		return nil
	}
	return s.Store.Close()
}

// Take has points only if something is taken: a look at the queue is none.
func (s mortalStore) Take(ctx context.Context, t ledger.Take) (taken store.Taken, err error) {
	left, err := s.Outstanding(ctx)
	if err != nil || left.Waiting() == 0 {
		return store.Taken{}, errors.Join(err, s.world.alive())
	}
	err = around(s.world, func() (err error) { taken, err = s.Store.Take(ctx, t); return err })
	if err != nil {
		taken = store.Taken{}
	}
	return taken, err
}

func (m *mortal) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	return nil
}

func (s mortalStore) Recover(ctx context.Context, from time.Time, settle time.Duration) (asOf time.Time, err error) {
	err = around(s.world, func() (err error) { asOf, err = s.Store.Recover(ctx, from, settle); return err })
	return asOf, err
}

func (s mortalStore) SettleDeliveries(ctx context.Context, settled []ledger.Delivery) error {
	return around(s.world, func() error { return s.Store.SettleDeliveries(ctx, settled) })
}

func (s mortalStore) AddTwin(ctx context.Context, t store.Twin) (added bool, err error) {
	err = around(s.world, func() (err error) { added, err = s.Store.AddTwin(ctx, t); return err })
	return added, err
}

func (s mortalStore) Pause(ctx context.Context, name string, now time.Time, after time.Duration) (next time.Time, err error) {
	err = around(s.world, func() (err error) { next, err = s.Store.Pause(ctx, name, now, after); return err })
	return next, err
}

func (s mortalStore) Import(ctx context.Context, read []ledger.Record) (added []ledger.Record, err error) {
	err = around(s.world, func() (err error) { added, err = s.Store.Import(ctx, read); return err })
	return added, err
}
