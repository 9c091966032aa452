package invoker

import (
	"context"
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/sqlite"
)

var errBroken = runwith.Errorf(runwith.Unavailable, "the connection broke")

// lostFirst starts an execution for the first call, and loses the answer.
func lostFirst(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
	e := start()
	if n == 0 {
		return nil, errBroken
	}
	return e, nil
}

// TestLateness shows an execution in lists some time after the call's deadline. Within
// the settling delay it is found. After it there are two: the one that was seen first
// stays, and the other is cancelled and counted, even if the invocation has ended by
// then.
func TestLateness(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		late  time.Duration
		life  time.Duration
		twins int
	}{
		"at once":                 {0, 0, 0},
		"within the delay":        {DefaultCallTimeout + DefaultSettle - time.Second, 0, 0},
		"beyond it":               {DefaultCallTimeout + DefaultSettle + 30*time.Second, 0, 1},
		"beyond it, and ended":    {DefaultCallTimeout + DefaultSettle + 30*time.Second, time.Second, 1},
		"after half an hour more": {30 * time.Minute, time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{late: test.late, life: test.life, run: lostFirst}
				v := open(t, c)
				id := invoke(t, v, runwith.Overrides{}).ID
				until(t, v, id, runwith.StateRunning, runwith.StateSucceeded)
				adopted := now(t, v, id).Execution
				time.Sleep(2 * time.Hour)
				got := now(t, v, id)
				if got.Twins != test.twins {
					t.Errorf("twins = %d, want %d", got.Twins, test.twins)
				}
				if len(c.seen().cancels) != test.twins {
					t.Errorf("cancels = %v, want one for each of %d twins", c.seen().cancels, test.twins)
				}
				if got.Execution != adopted {
					t.Errorf("execution = %s, want the adopted %s", got.Execution, adopted)
				}
				if want := 1 + test.twins; c.calls() != want {
					t.Errorf("calls = %d, want %d", c.calls(), want)
				}
				for _, name := range c.seen().cancels {
					if name == adopted {
						t.Errorf("the adopted execution %s was cancelled", name)
					}
				}
				if record(t, v, id).Watched() != (test.life == 0) {
					t.Errorf("record = %+v, want it watched only while it runs", record(t, v, id))
				}
			})
		})
	}
}

// TestTwinOfACallLongAgo makes a second call wait for its quota until the watch after
// the first one is nearly over. The list is watched for an hour after the second, too.
func TestTwinOfACallLongAgo(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{late: 80 * time.Minute, life: time.Second}
		c.run = func(ctx context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 1 {
				return nil, tooMany(50 * time.Minute)
			}
			return lostFirst(ctx, n, start)
		}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		wait(t, v, id)
		time.Sleep(time.Hour)
		if got := now(t, v, id); got.Twins != 1 || len(c.seen().cancels) != 1 || c.calls() != 3 {
			t.Errorf("after %d calls: %+v and cancels of %v, want one twin", c.calls(), got, c.seen().cancels)
		}
	})
}

// TestUnreadableListProvesNothing fails every list for an hour after a call that started
// nothing. The job is called again only after a list could be read.
func TestUnreadableListProvesNothing(t *testing.T) {
	t.Parallel()
	for _, code := range []runwith.Code{runwith.Unavailable, runwith.Internal, runwith.ResourceExhausted, runwith.PermissionDenied} {
		t.Run(code.String(), func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
					if n == 0 {
						return nil, errBroken
					}
					return start(), nil
				}}
				v := open(t, c)
				<-v.Rebuilt()
				id := invoke(t, v, runwith.Overrides{}).ID
				c.change(func() { c.page = func(int) error { return runwith.Errorf(code, "not now") } })
				time.Sleep(time.Hour)
				if got := now(t, v, id); got.State != runwith.StateStarting || c.calls() != 1 {
					t.Errorf("after an hour and %d calls: %+v, want it starting after one", c.calls(), got)
				}
				c.change(func() { c.page = nil })
				until(t, v, id, runwith.StateRunning)
				if c.calls() != 2 {
					t.Errorf("%d calls, want 2", c.calls())
				}
			})
		})
	}
}

// TestFirstIsAdopted lists two executions with the same marker. The invoker adopts the first by
// creation time and name.
func TestFirstIsAdopted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		older time.Duration // by how much the second is older than the first
		want  string
	}{
		"by time": {time.Second, "-2"},
		"by name": {0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{}
				c.run = func(_ context.Context, _ int, start func() *runpb.Execution) (*runpb.Execution, error) {
					start()
					start()
					c.mu.Lock()
					defer c.mu.Unlock()
					c.got.started[1].CreateTime = timestamppb.New(time.Now().Add(-test.older))
					return nil, errBroken
				}
				v := open(t, c)
				id := invoke(t, v, runwith.Overrides{}).ID
				until(t, v, id, runwith.StateRunning)
				time.Sleep(time.Minute)
				if got, want := now(t, v, id), executionOf("report", id)+test.want; got.Execution != want || got.Twins != 1 {
					t.Errorf("invocation = %+v, want %s adopted, and one twin", got, want)
				}
			})
		})
	}
}

// TestTwinIsCancelledInTheEnd lets Cloud Run refuse to cancel a twin for a while.
func TestTwinIsCancelledInTheEnd(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{late: DefaultCallTimeout + DefaultSettle + 30*time.Second, run: lostFirst}
		refusals := 0
		c.cancelled = func(string) error {
			if refusals++; refusals < 5 {
				return errBroken
			}
			return nil
		}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		time.Sleep(time.Hour)
		if got := now(t, v, id); got.Twins != 1 || len(c.seen().cancels) != 5 || len(c.seen().ended) != 1 {
			t.Errorf("invocation = %+v, cancels of %v, want one twin that is cancelled at the fifth time", got, c.seen().cancels)
		}
	})
}

// TestTwinWhoseNameIsUsedAgain deletes a twin before its cancel succeeds, and gives its name to an
// execution of another invocation, which is not cancelled.
func TestTwinWhoseNameIsUsedAgain(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{late: DefaultCallTimeout + DefaultSettle + 30*time.Second, run: lostFirst}
		c.cancelled = func(name string) error {
			for _, e := range c.got.started {
				if e.Name == name {
					e.Template.Containers[0].Env = nil // another one
				}
			}
			return errBroken
		}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		time.Sleep(time.Hour)
		if got := now(t, v, id); got.Twins != 1 || len(c.seen().cancels) != 1 {
			t.Errorf("invocation = %+v, cancels of %v, want one twin, and no second cancel", got, c.seen().cancels)
		}
	})
}

// TestAnswerNamesATwin shows the execution of a first call in a list while a second call
// is out. The second answer names another execution, which no list shows.
func TestAnswerNamesATwin(t *testing.T) {
	in(t, func(t *testing.T) {
		var first runwith.Invocation
		var v *Invoker
		c := &cloud{late: DefaultCallTimeout + DefaultSettle + 20*time.Second}
		c.run = func(ctx context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 1 {
				if first, _ = v.waitUntil(ctx, first.ID, func(i runwith.Invocation) bool { return i.Execution != "" }); first.Execution == "" {
					return nil, errBroken
				}
				c.change(func() { c.page = func(int) error { return errBroken } })
			}
			return lostFirst(ctx, n, start)
		}
		v = open(t, c)
		<-v.Rebuilt()
		id := invoke(t, v, runwith.Overrides{}).ID
		first.ID = id
		until(t, v, id, runwith.StateRunning)
		time.Sleep(time.Minute)
		got := now(t, v, id)
		if got.Twins != 1 {
			t.Errorf("twins = %d, want 1", got.Twins)
		}
		if got.Execution != first.Execution {
			t.Errorf("execution = %s, want %s", got.Execution, first.Execution)
		}
		if len(c.seen().cancels) != 1 {
			t.Fatalf("cancels = %v, want one", c.seen().cancels)
		}
		if c.seen().cancels[0] == got.Execution {
			t.Errorf("the invocation's execution %s was cancelled, want the other", got.Execution)
		}
	})
}

// TestListIsFasterThanTheAnswer shows the execution of a second call in a list before
// the first one's, and both before the answer.
func TestListIsFasterThanTheAnswer(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{run: func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
			if n == 0 {
				return nil, errBroken
			}
			e := start()
			time.Sleep(40 * time.Second) // lists are read meanwhile: the first call was unknown
			return e, nil
		}}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateRunning)
		time.Sleep(time.Hour)
		if got := now(t, v, id); got.Twins != 0 || got.State != runwith.StateRunning || len(c.seen().cancels) > 0 {
			t.Errorf("invocation = %+v, cancels of %v, want one execution", got, c.seen().cancels)
		}
	})
}

// TestEveryPageIsRead puts the execution on the last of many pages, one of which cannot
// be read at first.
func TestEveryPageIsRead(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{pageSize: 10, run: lostFirst}
		c.page = func(n int) error {
			if n%7 == 3 {
				return runwith.Errorf(runwith.Internal, "an error page")
			}
			return nil
		}
		v := open(t, c)
		id := invoke(t, v, runwith.Overrides{}).ID
		for range 45 { // newer ones
			c.start("report", &runpb.RunJobRequest_Overrides{})
		}
		got := until(t, v, id, runwith.StateRunning)
		if c.calls() != 1 || got.Execution != executionOf("report", id) {
			t.Errorf("after %d calls: %+v", c.calls(), got)
		}
	})
}

// TestNotFoundProvesNothing shows lists that may lack an execution which did exist. A
// person decides.
func TestNotFoundProvesNothing(t *testing.T) {
	t.Parallel()
	lost := func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
		if n == 0 {
			return nil, errBroken
		}
		return start(), nil
	}
	fill := func(n int, age time.Duration) func(*cloud) {
		return func(c *cloud) {
			for range n {
				c.start("report", &runpb.RunJobRequest_Overrides{})
				c.change(func() { c.got.started[len(c.got.started)-1].CreateTime = timestamppb.New(time.Now().Add(-age)) })
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*cloud)
		want   runwith.State
	}{
		"all newer than the invocation":        {fill(ledger.Retained, 0), runwith.StateUnresolved},
		"all newer, but for the clocks":        {fill(ledger.Retained, ledger.ClockSkew-time.Minute), runwith.StateUnresolved},
		"older ones are still there":           {fill(ledger.Retained, ledger.ClockSkew+time.Minute), runwith.StateRunning},
		"fewer than are kept":                  {fill(ledger.Retained-1, 0), runwith.StateRunning},
		"the job is gone":                      {func(c *cloud) { c.job = gone404 }, runwith.StateUnresolved},
		"the job is gone, and the list":        {func(c *cloud) { c.page = func(int) error { return runwith.Errorf(runwith.NotFound, "no job") } }, runwith.StateUnresolved},
		"the job was deleted and created anew": {func(c *cloud) { c.job = anotherUID }, runwith.StateUnresolved},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{run: lost}
				v, id := called(t, c)
				test.change(c)
				if got := until(t, v, id, runwith.StateRunning, runwith.StateUnresolved); got.State != test.want {
					t.Errorf("invocation = %+v, %+v, want it %s", got, got.Error, test.want)
				}
			})
		})
	}
}

func gone404(string) (*runpb.Job, error) { return nil, runwith.Errorf(runwith.NotFound, "no job") }

func anotherUID(id string) (*runpb.Job, error) {
	job := jobOf(id, &runpb.Container{Image: "a"})
	job.Uid = "another"
	return job, nil
}

// TestResolve checks a person's decisions.
func TestResolve(t *testing.T) {
	t.Parallel()
	unresolved := func(t *testing.T, run func(context.Context, int, func() *runpb.Execution) (*runpb.Execution, error)) (*cloud, *Invoker, string) {
		c := &cloud{run: run, late: 3 * time.Hour}
		v := open(t, c)
		<-v.Rebuilt()
		id := invoke(t, v, runwith.Overrides{}).ID
		until(t, v, id, runwith.StateStarting)
		c.change(func() { c.job = anotherUID })
		until(t, v, id, runwith.StateUnresolved)
		return c, v, id
	}
	notStarted := func(_ context.Context, n int, start func() *runpb.Execution) (*runpb.Execution, error) {
		if n == 0 {
			return nil, errBroken
		}
		return start(), nil
	}
	t.Run("leave", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, v, id := unresolved(t, notStarted)
			got, err := v.Resolve(t.Context(), id, DecideLeave)
			if err != nil || got.State != runwith.StateUnresolved || got.Finished.IsZero() {
				t.Errorf("Resolve = %+v, %v, want it unresolved for good", got, err)
			}
			if _, err := v.Resolve(t.Context(), id, DecideRetry); runwith.CodeOf(err) != runwith.FailedPrecondition {
				t.Errorf("Resolve again = %v, want FAILED_PRECONDITION", err)
			}
			time.Sleep(time.Hour)
			if c.calls() != 1 {
				t.Errorf("%d calls, want 1", c.calls())
			}
		})
	})
	t.Run("retry", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, v, id := unresolved(t, notStarted)
			c.change(func() { c.job = nil })
			if _, err := v.Resolve(t.Context(), id, DecideRetry); err != nil {
				t.Fatal(err)
			}
			until(t, v, id, runwith.StateRunning)
			if c.calls() != 2 {
				t.Errorf("%d calls, want 2", c.calls())
			}
		})
	})
	t.Run("retry of what was started after all", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, v, id := unresolved(t, lostFirst)
			c.change(func() { c.late, c.job = 0, nil })
			if _, err := v.Resolve(t.Context(), id, DecideRetry); err != nil {
				t.Fatal(err)
			}
			until(t, v, id, runwith.StateRunning)
			if c.calls() != 1 {
				t.Errorf("%d calls, want 1: the search comes first", c.calls())
			}
		})
	})
	t.Run("found while nobody has decided", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c, v, id := unresolved(t, lostFirst)
			c.change(func() { c.late = 0 })
			until(t, v, id, runwith.StateRunning)
			if _, err := v.Resolve(t.Context(), id, DecideLeave); runwith.CodeOf(err) != runwith.FailedPrecondition {
				t.Errorf("Resolve of what runs = %v, want FAILED_PRECONDITION", err)
			}
		})
	})
	t.Run("an execution that is gone is not started again", func(t *testing.T) {
		in(t, func(t *testing.T) {
			c := &cloud{}
			v := open(t, c)
			id := invoke(t, v, runwith.Overrides{}).ID
			until(t, v, id, runwith.StateRunning)
			c.change(func() { c.got.started = nil })
			until(t, v, id, runwith.StateUnresolved)
			if _, err := v.Resolve(t.Context(), id, DecideRetry); runwith.CodeOf(err) != runwith.FailedPrecondition {
				t.Errorf("Resolve = %v, want FAILED_PRECONDITION", err)
			}
			if _, err := v.Resolve(t.Context(), id, DecideLeave); err != nil {
				t.Errorf("Resolve = %v", err)
			}
		})
	})
}

// TestSearchIsMonotonic checks that the monotonic clock fixes when "not found" counts as
// soon as a row is first seen, so that a jump of the wall clock changes nothing.
func TestSearchIsMonotonic(t *testing.T) {
	in(t, func(t *testing.T) {
		p := newWatchlist(Config{Store: &sqlite.Store{}}.complete())
		p.add("report")
		found, _ := p.due(time.Now().Add(time.Second))
		r := ledger.Record{Invocation: runwith.Invocation{ID: "a"}, SearchFrom: ledger.Stored(time.Now().Add(time.Minute))}
		first := found[0].counting(r)
		if wait := time.Until(first); wait > time.Minute || wait < time.Minute-time.Millisecond {
			t.Errorf("it counts in %v, want a minute", wait)
		}
		if again := found[0].counting(r); again != first {
			t.Errorf("it counts from %v, and then from %v", first, again)
		}
		r.SearchFrom = r.SearchFrom.Add(time.Hour)
		if moved := found[0].counting(r); moved.Sub(first) != time.Hour {
			t.Errorf("a later search counts %v later, want an hour", moved.Sub(first))
		}
	})
}
