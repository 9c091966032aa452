package invoker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

func keyedRequest(key string) Request {
	return asks("report", key, runwith.Overrides{Args: []string{key}})
}

// TestRebuild loses the store, and checks that everything that was started is there
// again: the invocations, their keys and their ends.
func TestRebuild(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Minute}
		v := open(t, c, bounded(5, ledger.Queueing))
		<-v.Rebuilt()
		before := map[string]runwith.Invocation{}
		for _, key := range []string{"a", "b", ""} {
			i, _, err := v.Invoke(t.Context(), ask(v, key, keyedRequest(key).Asked.Overrides))
			if err != nil {
				t.Fatal(err)
			}
			i = wait(t, v, i.ID)
			i.Request = nil // no execution shows it
			before[key] = i
		}
		closeInvoker(t, v)

		v = open(t, c, bounded(5, ledger.Queueing))
		if _, _, err := v.Invoke(t.Context(), keyedRequest("a")); runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Invoke() before the store is rebuilt = %v, want UNAVAILABLE", err)
		}
		if err := v.Ready(t.Context()); runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Ready() = %v, want UNAVAILABLE", err)
		}
		synctest.Wait() // the executions were read
		_, _, err := v.Invoke(t.Context(), keyedRequest("a"))
		if after := cause.RetryAfterOf(err); after.Round(time.Second) != DefaultCallTimeout+DefaultSettle {
			t.Errorf("Invoke() while it is rebuilt = %v, which says to ask again in %v, want when that is over", err, after)
		}
		began := time.Now()
		<-v.Rebuilt()
		if took := time.Since(began); took < DefaultCallTimeout+DefaultSettle {
			t.Errorf("it took %v, want the time that the last call may have taken to show", took)
		}
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("Ready() = %v", err)
		}
		for key, want := range before {
			got := now(t, v, want.ID)
			ignore := cmpopts.IgnoreFields(runwith.Invocation{}, "Started", "Finished", "Usage", "History")
			if diff := cmp.Diff(want, got, ignore); diff != "" {
				t.Errorf("invocation with key %q (-want +got):\n%s", key, diff)
			}
			if h := got.History; len(h) < 2 || h[0] != want.History[0] || h[len(h)-1].State != got.State {
				t.Errorf("its history = %+v, want one from its acceptance to its end", h)
			}
			if r := record(t, v, want.ID); r.Slot != "report" {
				t.Errorf("its slot = %q", r.Slot)
			}
			if key == "" {
				continue
			}
			again, replayed, err := v.Invoke(t.Context(), keyedRequest(key))
			if err != nil || !replayed || again.ID != want.ID {
				t.Errorf("repeat with key %q = %+v, replayed %v, %v", key, again, replayed, err)
			}
			other := keyedRequest(key)
			other.Asked.Overrides.Args = nil
			if _, _, err := v.Invoke(t.Context(), other); runwith.CodeOf(err) != runwith.AlreadyExists {
				t.Errorf("another request with key %q = %v, want ALREADY_EXISTS", key, err)
			}
		}
	})
}

// TestRebuildWaits shows an execution only after the store was lost.
func TestRebuildWaits(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		<-v.Rebuilt()
		old := invoke(t, v, runwith.Overrides{})
		until(t, v, old.ID, runwith.StateRunning)
		c.change(func() { c.late = 50 * time.Second })
		time.Sleep(time.Minute) // the old one shows
		fresh, _, err := v.Invoke(t.Context(), keyedRequest("k"))
		if err != nil {
			t.Fatal(err)
		}
		until(t, v, fresh.ID, runwith.StateRunning)
		closeInvoker(t, v)

		v = open(t, c)
		<-v.Rebuilt()
		if i, replayed, err := v.Invoke(t.Context(), keyedRequest("k")); err != nil || !replayed || i.ID != fresh.ID {
			t.Errorf("repeat = %+v, replayed %v, %v, want %s", i, replayed, err, fresh.ID)
		}
	})
}

func TestRebuildWhen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rebuild Rebuild
		empty   bool
		want    bool // executions that the store does not know are found
	}{
		"auto, empty":         {RebuildAuto, true, true},
		"auto, not empty":     {RebuildAuto, false, false},
		"always, not empty":   {RebuildAlways, false, true},
		"never, though empty": {RebuildNever, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{}
				v := open(t, c)
				lost := invoke(t, v, runwith.Overrides{})
				until(t, v, lost.ID, runwith.StateRunning)
				path := filepath.Join(t.TempDir(), "invoker.db")
				if !test.empty {
					waitingRows(t, inSQLite(path), 1)
				}
				again := reopen(t, c, path, func(c *Config) { c.Rebuild = test.rebuild })
				<-again.Rebuilt()
				if _, err := again.Invocation(t.Context(), lost.ID); (err == nil) != test.want {
					t.Errorf("the lost one = %v, want it found %v", err, test.want)
				}
			})
		})
	}
}

// TestRebuildOfANewStore lists executions for a new store only after an invocation
// without a key was started. That execution does not mean that a store was lost.
func TestRebuildOfANewStore(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{page: func(int) error { return errBroken }}
		v := open(t, c)
		until(t, v, invoke(t, v, runwith.Overrides{}).ID, runwith.StateRunning)
		synctest.Wait()
		c.change(func() { c.page = nil })
		began := time.Now()
		<-v.Rebuilt()
		if took := time.Since(began); took > DefaultSettle/2 {
			t.Errorf("keys are read back for %v, want no wait", took)
		}
	})
}

// TestRebuildFindsTwins rebuilds one invocation from two executions with its marker.
func TestRebuildFindsTwins(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{}
		v := open(t, c)
		i := invoke(t, v, runwith.Overrides{})
		first := until(t, v, i.ID, runwith.StateRunning).Execution
		time.Sleep(time.Second)
		c.start("report", c.seen().runs[0])
		v = open(t, c)
		<-v.Rebuilt()
		time.Sleep(time.Minute)
		if got := now(t, v, i.ID); got.Execution != first || got.Twins != 1 || len(c.seen().cancels) == 0 {
			t.Errorf("invocation = %+v, cancels of %v, want the first, and a twin that is cancelled", got, c.seen().cancels)
		}
	})
}

// TestRebuildWatchesForTwins loses the store while one of two executions is still
// hidden.
func TestRebuildWatchesForTwins(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Second, run: func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			return start(), nil
		}}
		v := open(t, c)
		<-v.Rebuilt()
		id := invoke(t, v, runwith.Overrides{}).ID
		wait(t, v, id)
		closeInvoker(t, v)

		v = open(t, c)
		<-v.Rebuilt()
		c.start("report", c.seen().runs[0])
		time.Sleep(time.Hour)
		if got := now(t, v, id); got.Twins != 1 || len(c.seen().cancels) != 1 {
			t.Errorf("invocation = %+v, cancels of %v, want one twin", got, c.seen().cancels)
		}
	})
}

// TestRestoredBackup restores yesterday's copy. What was started since is not started
// again, neither from the queue nor by a repeat.
func TestRestoredBackup(t *testing.T) {
	in(t, func(t *testing.T) {
		down := true
		c := &cloud{life: time.Minute, late: 40 * time.Second}
		c.run = func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if down {
				return nil, errDial
			}
			return start(), nil
		}
		path := filepath.Join(t.TempDir(), "invoker.db")
		v := reopen(t, c, path)
		<-v.Rebuilt()
		ids := invokeN(t, v, 3)
		closeInvoker(t, v)
		copied, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}

		down = false
		v = reopen(t, c, path)
		for _, id := range ids[:2] {
			until(t, v, id, runwith.StateRunning, runwith.StateSucceeded)
		}
		fresh, _, err := v.Invoke(t.Context(), keyedRequest("k"))
		if err != nil {
			t.Fatal(err)
		}
		until(t, v, fresh.ID, runwith.StateRunning)
		closeInvoker(t, v)

		restored := filepath.Join(t.TempDir(), "invoker.db")
		if err := errors.Join(os.WriteFile(restored, copied, 0o600), os.WriteFile(restored+sqlite.RestoredSuffix, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		v = reopen(t, c, restored)
		<-v.Rebuilt()
		if i, replayed, err := v.Invoke(t.Context(), keyedRequest("k")); err != nil || !replayed || i.ID != fresh.ID {
			t.Errorf("repeat = %+v, replayed %v, %v, want %s", i, replayed, err, fresh.ID)
		}
		for _, id := range ids {
			if got := wait(t, v, id); got.State != runwith.StateSucceeded {
				t.Errorf("invocation = %+v, want it to have succeeded", got)
			}
		}
		time.Sleep(2 * time.Hour)
		for id, n := range c.executions() {
			if n != 1 {
				t.Errorf("invocation %s has %d executions", id, n)
			}
		}
		if _, err := os.Stat(restored + sqlite.RestoredSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the mark of a restored store = %v, want it gone", err)
		}
	})
}

// TestEphemeral checks that an ephemeral store answers when the start is confirmed, and
// keeps nothing that waits.
func TestEphemeral(t *testing.T) {
	t.Parallel()
	slow := func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
		time.Sleep(5 * time.Second)
		return start(), nil
	}
	refuse := func(err error) runFunc {
		return func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) { return nil, err }
	}
	for name, test := range map[string]struct {
		run   runFunc
		state runwith.State
		code  runwith.Code
		rows  int
	}{
		"confirmed":    {slow, runwith.StateRunning, runwith.OK, 1},
		"answer lost":  {lostFirst, runwith.StateRunning, runwith.OK, 1},
		"over quota":   {refuse(runwith.Errorf(runwith.ResourceExhausted, "why")), "", runwith.ResourceExhausted, 0},
		"no such job":  {refuse(runwith.Errorf(runwith.NotFound, "why")), runwith.StateRefused, runwith.OK, 1},
		"disconnected": {refuse(errDial), "", runwith.ResourceExhausted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				v := open(t, &cloud{run: test.run}, func(c *Config) { c.Ephemeral = true })
				<-v.Rebuilt()
				began := time.Now()
				got, _, err := v.Invoke(t.Context(), keyedRequest("k"))
				if took := time.Since(began); runwith.CodeOf(err) == runwith.ResourceExhausted && took > 0 {
					t.Errorf("a refusal of Cloud Run's is told after %v, want at once", took)
				}
				if got.State != test.state || runwith.CodeOf(err) != test.code {
					t.Errorf("Invoke() = %+v, %v, want %q, %v", got, err, test.state, test.code)
				}
				if page, _, err := v.Invocations(t.Context(), Filter{}); len(page) != test.rows || err != nil {
					t.Errorf("%d invocations, %v, want %d", len(page), err, test.rows)
				}
			})
		})
	}
}

// TestEphemeralTellsWhenToAskAgain checks that the refusal names the pause that Cloud
// Run has asked for.
func TestEphemeralTellsWhenToAskAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) {
			return nil, tooMany(40 * time.Second)
		}}
		v := open(t, c, func(c *Config) { c.Ephemeral = true })
		<-v.Rebuilt()
		_, _, err := v.Invoke(t.Context(), keyedRequest("k"))
		if after := cause.RetryAfterOf(err); after < 35*time.Second || after > 40*time.Second {
			t.Errorf("Invoke() = %v, which says to ask again in %v; want about 40s", err, after)
		}
	})
}

// TestEphemeralDoesNotQueue checks that a request that would have to wait for a slot is
// refused.
func TestEphemeralDoesNotQueue(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{}, bounded(1, ledger.Queueing), func(c *Config) { c.Ephemeral = true })
		<-v.Rebuilt()
		invoke(t, v, runwith.Overrides{})
		if _, _, err := v.Invoke(t.Context(), ask(v, "k", runwith.Overrides{})); runwith.CodeOf(err) != runwith.Aborted {
			t.Errorf("Invoke() = %v, want ABORTED", err)
		}
	})
}

// TestReadiness checks that an unreachable Cloud Run counts only while work waits for
// it.
func TestReadiness(t *testing.T) {
	in(t, func(t *testing.T) {
		down := false
		c := &cloud{life: time.Second}
		c.run = func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if down {
				return nil, errDial
			}
			return start(), nil
		}
		v := open(t, c)
		<-v.Rebuilt()
		wait(t, v, invoke(t, v, runwith.Overrides{}).ID)
		down = true
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("Ready() with nothing to do = %v", err)
		}
		id := invoke(t, v, runwith.Overrides{}).ID
		time.Sleep(time.Hour)
		if err := v.Ready(t.Context()); runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Ready() while work waits = %v, want UNAVAILABLE", err)
		}
		if i := now(t, v, id); i.State != runwith.StateAccepted {
			t.Errorf("after an hour = %+v, want it accepted", i)
		}
		down = false
		wait(t, v, id)
		synctest.Wait()
		if err := v.Ready(t.Context()); err != nil {
			t.Errorf("Ready() when Cloud Run is back = %v", err)
		}
	})
}

// TestReadinessWithoutCredentials checks that UNAUTHENTICATED counts as unreachable.
func TestReadinessWithoutCredentials(t *testing.T) {
	in(t, func(t *testing.T) {
		nobody := runwith.Errorf(runwith.Unauthenticated, "who is it")
		c := &cloud{
			run:  func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) { return nil, nobody },
			page: func(int) error { return nobody },
		}
		v := open(t, c, func(c *Config) { c.Rebuild = RebuildNever })
		id := invoke(t, v, runwith.Overrides{}).ID
		time.Sleep(time.Minute)
		if err := v.Ready(t.Context()); runwith.CodeOf(err) != runwith.Unavailable {
			t.Errorf("Ready() = %v, want UNAVAILABLE", err)
		}
		if i := now(t, v, id); i.State != runwith.StateAccepted {
			t.Errorf("invocation = %+v, want it accepted", i)
		}
	})
}

// TestKeep checks that old invocations are removed.
func TestKeep(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{life: time.Minute}, func(c *Config) { c.Keep = 3 * time.Hour })
		id := invoke(t, v, runwith.Overrides{}).ID
		wait(t, v, id)
		time.Sleep(2 * time.Hour)
		now(t, v, id)
		time.Sleep(3 * time.Hour)
		if _, err := v.Invocation(t.Context(), id); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Invocation() after its time = %v, want NOT_FOUND", err)
		}
	})
}

// TestRebuiltIsHeard loses the store while an invocation runs. The endpoints of the current
// configuration hear of its end, with a version above the lost ones.
func TestRebuiltIsHeard(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: 10 * time.Minute}
		v := open(t, c)
		<-v.Rebuilt()
		i := invoke(t, v, runwith.Overrides{})
		until(t, v, i.ID, runwith.StateRunning)
		lost := record(t, v, i.ID).Version
		closeInvoker(t, v)

		v = open(t, c, func(c *Config) {
			c.Subscribers = func(job string, _ map[string]string) []ledger.Subscriber {
				return []ledger.Subscriber{{Endpoint: "docs of " + job, Events: ledger.Events()}}
			}
		})
		<-v.Rebuilt()
		wait(t, v, i.ID)
		if r := record(t, v, i.ID); r.Version <= lost+1 {
			t.Errorf("version = %d, want one above %d", r.Version, lost+1)
		}
		heard, err := v.store.Deliveries(t.Context(), store.DeliveryQuery{Invocation: i.ID, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(heard) != 1 {
			t.Fatalf("deliveries = %+v, want one", heard)
		}
		if heard[0].Event != ledger.EventSucceeded {
			t.Errorf("event = %s, want the end", heard[0].Event)
		}
		if want := "docs of report"; heard[0].Endpoint != want {
			t.Errorf("endpoint = %q, want %q", heard[0].Endpoint, want)
		}
	})
}
