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

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
	"github.com/runwith/runwith/internal/testneed"
)

// others starts executions that do not belong to an invoker.
func (c *cloud) others(n int) {
	for range n {
		c.start("report", &runpb.RunJobRequest_Overrides{})
	}
}

// TestRestartBehindManyExecutions restarts with a queue after more executions than Cloud
// Run keeps. The store was there all the time, so those executions prove nothing against
// the queue, and it goes on.
func TestRestartBehindManyExecutions(t *testing.T) {
	testneed.Long(t)
	in(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "invoker.db")
		ids := waitingRows(t, inSQLite(path), 3)
		c := &cloud{life: time.Second, run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n > 0 {
				return nil, errDial
			}
			return start(), nil
		}}
		v := reopen(t, c, path)
		time.Sleep(time.Hour)
		time.Sleep(time.Minute)
		c.others(ledger.Retained)
		time.Sleep(time.Hour)
		synctest.Wait()
		last := invoke(t, v, runwith.Overrides{})
		closeInvoker(t, v)

		c.run = nil
		c.got.started = c.got.started[len(c.got.started)-ledger.Retained:]
		v = reopen(t, c, path)
		for _, id := range append(ids, last.ID) {
			if got := until(t, v, id, runwith.StateSucceeded, runwith.StateUnresolved); got.State != runwith.StateSucceeded {
				t.Errorf("invocation = %+v, %+v, want it to succeed", got, got.Error)
			}
		}
	})
}

// TestUnknownBehindManyExecutions loses the answer for an invocation that has waited
// while Cloud Run got more executions than it keeps. Only executions newer than the call
// could hide its own.
func TestUnknownBehindManyExecutions(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			switch n {
			case 0:
				return nil, tooMany(time.Hour)
			case 1:
				return nil, errBroken
			}
			return start(), nil
		}}
		v := open(t, c)
		<-v.Rebuilt()
		id := invoke(t, v, runwith.Overrides{}).ID
		time.Sleep(30 * time.Minute)
		c.others(ledger.Retained)
		if got := until(t, v, id, runwith.StateRunning, runwith.StateUnresolved); got.State != runwith.StateRunning {
			t.Errorf("invocation = %+v, %+v, want it to run", got, got.Error)
		}
	})
}

// TestCopyBehindManyExecutions restores a copy of the store. Others may have started its
// queue since, so a person decides, and the decision is carried out.
func TestCopyBehindManyExecutions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*cloud){
		"more than are kept":               func(c *cloud) { c.others(ledger.Retained) },
		"the job was deleted and made new": func(c *cloud) { c.job = anotherUID },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "invoker.db")
				ids := waitingRows(t, inSQLite(path), 2)
				if err := os.WriteFile(path+sqlite.RestoredSuffix, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				time.Sleep(24 * time.Hour)
				c := &cloud{}
				change(c)
				v := reopen(t, c, path)
				for _, id := range ids {
					until(t, v, id, runwith.StateUnresolved)
				}
				if c.calls() > 0 {
					t.Fatalf("%d calls, want none before somebody has decided", c.calls())
				}
				checkRetry(t, v, ids[0], runwith.StateRunning)
				if c.calls() != 1 {
					t.Errorf("%d calls, want 1", c.calls())
				}
			})
		})
	}
}

// checkRetry resolves with retry, and checks the state that the invocation reaches.
func checkRetry(t *testing.T, v *Invoker, id string, want runwith.State) {
	t.Helper()
	if _, err := v.Resolve(t.Context(), id, DecideRetry); err != nil {
		t.Fatalf("Resolve() = %v", err)
	}
	if got := until(t, v, id, runwith.StateRunning, runwith.StateRefused, runwith.StateUnresolved); got.State != want {
		t.Errorf("after the retry = %+v, %+v, want it %s", got, got.Error, want)
	}
}

// TestRestartWithoutTheJob deletes the job while an invocation waits whose call started
// nothing. There is nothing to find, and Cloud Run refuses the next call.
func TestRestartWithoutTheJob(t *testing.T) {
	in(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "invoker.db")
		c := &cloud{run: func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) {
			return nil, tooMany(time.Hour)
		}}
		v := reopen(t, c, path)
		<-v.Rebuilt()
		id := invoke(t, v, runwith.Overrides{}).ID
		time.Sleep(time.Minute)
		closeInvoker(t, v)

		c.job = gone404
		c.run = func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error) {
			return nil, runwith.Errorf(runwith.NotFound, "no job")
		}
		if got := wait(t, reopen(t, c, path), id); got.State != runwith.StateRefused {
			t.Errorf("invocation = %+v, %+v, want it refused", got, got.Error)
		}
	})
}

// TestRetryIsDone resolves with retry while the search can prove no more than before.
func TestRetryIsDone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*cloud)
		want   runwith.State
	}{
		"more than are kept":               {func(c *cloud) { c.others(ledger.Retained) }, runwith.StateRunning},
		"the job was deleted and made new": {func(c *cloud) { c.job = anotherUID }, runwith.StateRunning},
		"the job is gone":                  {func(c *cloud) { c.job = gone404 }, runwith.StateRefused},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{}
				c.run = func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
					switch {
					case n == 0:
						return nil, errBroken
					case test.want == runwith.StateRefused:
						return nil, runwith.Errorf(runwith.NotFound, "no job")
					}
					return start(), nil
				}
				v, id := called(t, c)
				test.change(c)
				until(t, v, id, runwith.StateUnresolved)
				checkRetry(t, v, id, test.want)
				if c.calls() != 2 {
					t.Errorf("%d calls, want 2", c.calls())
				}
			})
		})
	}
}

// TestRetryOfAnUnknownIsKnown resolves with retry, and loses the answer again. The row
// now has the UID of the job that was called, so the search is conclusive.
func TestRetryOfAnUnknownIsKnown(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n < 2 {
				return nil, errBroken
			}
			return start(), nil
		}}
		v, id := called(t, c)
		c.change(func() { c.job = anotherUID })
		until(t, v, id, runwith.StateUnresolved)
		checkRetry(t, v, id, runwith.StateRunning)
		if c.calls() != 3 {
			t.Errorf("%d calls, want 3", c.calls())
		}
	})
}

// TestCopyOfWhatWasNotChecked restores an unchecked invocation whose job would refuse it
// today. It is searched for first, and found.
func TestCopyOfWhatWasNotChecked(t *testing.T) {
	in(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "invoker.db")
		c := &cloud{life: time.Minute, job: func(string) (*runpb.Job, error) { return nil, errDial }}
		v := reopen(t, c, path)
		<-v.Rebuilt()
		id := invoke(t, v, runwith.Overrides{}).ID
		closeInvoker(t, v)
		copied, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}

		c.job = nil
		v = reopen(t, c, path)
		ran := until(t, v, id, runwith.StateRunning)
		closeInvoker(t, v)

		c.job = func(id string) (*runpb.Job, error) {
			return jobOf(id, &runpb.Container{Env: []*runpb.EnvVar{variable(ledger.ReservedPrefix+"X", "1")}}), nil
		}
		path = filepath.Join(t.TempDir(), "invoker.db")
		if err := errors.Join(os.WriteFile(path, copied, 0o600), os.WriteFile(path+sqlite.RestoredSuffix, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		if got := wait(t, reopen(t, c, path), id); got.State != runwith.StateSucceeded || got.Execution != ran.Execution {
			t.Errorf("invocation = %+v, %+v, want that of %s", got, got.Error, ran.Execution)
		}
	})
}

// TestCopyIsCancelledOnceItIsFound cancels an invocation of a restored store while it is
// searched for. It turns out to run, so Cloud Run is asked to cancel it, and only that
// ends it.
func TestCopyIsCancelledOnceItIsFound(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *Invoker, string){
		"cancelled": func(t *testing.T, v *Invoker, id string) {
			if i, err := v.Cancel(t.Context(), id); err != nil || i.State.Settled() {
				t.Errorf("Cancel() = %+v, %v, want it to be found first", i, err)
			}
		},
		"replaced": func(t *testing.T, v *Invoker, id string) {
			invoke(t, v, runwith.Overrides{})
			if i := now(t, v, id); i.State.Settled() {
				t.Errorf("what is replaced = %+v, want it to be found first", i)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "invoker.db")
				id := slottedRow(t, path)
				if err := os.WriteFile(path+sqlite.RestoredSuffix, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				c := &cloud{}
				c.start("report", &runpb.RunJobRequest_Overrides{ContainerOverrides: []*runpb.RunJobRequest_Overrides_ContainerOverride{
					{Env: markers(ledger.Record{Invocation: runwith.Invocation{ID: id}})},
				}})
				c.page = func(int) error { return errBroken }
				v := reopen(t, c, path, bounded(1, ledger.Replacing))
				end(t, v, id)
				synctest.Wait()
				c.change(func() { c.page = nil })
				if got := wait(t, v, id); got.State != runwith.StateCancelled || got.Execution == "" || len(c.seen().cancels) != 1 {
					t.Errorf("invocation = %+v, cancels of %v, want its execution cancelled", got, c.seen().cancels)
				}
			})
		})
	}
}

// slottedRow stores an invocation that waits, with a concurrency key.
func slottedRow(t *testing.T, path string) (id string) {
	t.Helper()
	s := openStore(t, path)
	r := ledger.Record{
		Invocation: runwith.Invocation{ID: "01900000-0000-7000-8000-000000000000", Job: "report", State: runwith.StateAccepted, Created: ledger.Stored(time.Now())},
		Version:    1, Target: "report", Slot: "report", SlotLimit: 1, Checked: true,
	}
	if _, err := s.Import(t.Context(), []ledger.Record{r}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// TestClockJumpsDuringACall puts the clock forward by an hour while a call is out, so
// that its lease seems to have ended. The job is not called again before the call has
// ended, and the settling delay is not cut short.
func TestClockJumpsDuringACall(t *testing.T) {
	t.Parallel()
	t.Run("the call is out", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c := &cloud{late: time.Minute, run: func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
				time.Sleep(50 * time.Second)
				return start(), nil
			}}
			v := open(t, c, func(c *Config) { c.Settle = time.Second })
			<-v.Rebuilt()
			id := invoke(t, v, runwith.Overrides{}).ID
			until(t, v, id, runwith.StateStarting)
			script(t, v, `UPDATE invocations SET lease_until = lease_until - 3600000000`)
			v.watching.lapse()
			until(t, v, id, runwith.StateRunning)
			time.Sleep(time.Hour)
			if got := now(t, v, id); c.calls() != 1 || got.Twins != 0 {
				t.Errorf("after %d calls: %+v, want one", c.calls(), got)
			}
		})
	})
	t.Run("the call has ended", func(t *testing.T) {
		in(t, func(t *testing.T) {
			v := open(t, &cloud{})
			called := time.Now()
			r := ledger.Record{Invocation: runwith.Invocation{State: runwith.StateStarting}, Lease: ledger.Stored(called.Add(-time.Hour))}
			got := v.dispatching.after(r, answer{err: errBroken, deadline: called.Add(40 * time.Second)})
			if want := ledger.Stored(called.Add(40*time.Second + DefaultSettle)); !got.SearchFrom.Equal(want) {
				t.Errorf("not found counts from %v, want %v", got.SearchFrom, want)
			}
		})
	})
}
