package invoker

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith"
)

// TestEachStartsOnce sends requests with the same keys to two processes of a store, which both
// dispatch.
func TestEachStartsOnce(t *testing.T) {
	in(t, func(t *testing.T) {
		s, c := openShared(t), &cloud{life: time.Minute}
		both := []*Invoker{openReplica(t, s, c), openReplica(t, s, c)}
		<-both[0].Rebuilt()
		<-both[1].Rebuilt()
		ids := map[string]bool{}
		for n := range 100 {
			i, _, err := both[n%2].Invoke(t.Context(), ask(both[n%2], fmt.Sprint(n/2), runwith.Overrides{}))
			if err != nil {
				t.Fatal(err)
			}
			ids[i.ID] = true
		}
		if len(ids) != 50 {
			t.Errorf("100 requests with 50 keys are %d invocations", len(ids))
		}
		for id := range ids {
			if got := until(t, both[len(id)%2], id, runwith.StateSucceeded); got.Twins > 0 || got.Attempts != 1 {
				t.Errorf("invocation = %+v, want one attempt", got)
			}
		}
		if c.calls() != 50 {
			t.Errorf("%d calls, want 50", c.calls())
		}
	})
}

// TestOnePoller counts the reads of Cloud Run while a job runs for some minutes: three processes
// need no more than one.
func TestOnePoller(t *testing.T) {
	t.Parallel()
	reads := func(t *testing.T, processes int) (n int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s, c := openShared(t), &cloud{}
			var all []*Invoker
			for range processes {
				v := openReplica(t, s, c)
				<-v.Rebuilt()
				all = append(all, v)
			}
			until(t, all[0], invoke(t, all[0], runwith.Overrides{}).ID, runwith.StateRunning)
			time.Sleep(12 * time.Minute)
			n = c.reads()
		})
		return n
	}
	one, three := reads(t, 1), reads(t, 3)
	if three > one*11/10 {
		t.Errorf("3 processes read %d times, one %d times", three, one)
	}
}

// TestPollerIsReplaced ends the process that polls a job. Another one sees the job end.
func TestPollerIsReplaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		end  func(t *testing.T, v *Invoker)
		most time.Duration // until the other process polls
	}{
		"it closes":     {closeInvoker, 5 * time.Second},
		"it is stopped": {func(_ *testing.T, v *Invoker) { go v.store.(*replica).stop() }, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				s, c := openShared(t), &cloud{life: time.Minute}
				a, b := openReplica(t, s, c), openReplica(t, s, c)
				<-a.Rebuilt()
				<-b.Rebuilt()
				synctest.Wait()
				id := invoke(t, a, runwith.Overrides{}).ID
				until(t, b, id, runwith.StateRunning)
				time.Sleep(10 * time.Second)
				lease := pollLease("report")
				if s.holder(lease) != a.store {
					t.Fatal("the process that has started the job does not poll it")
				}
				began := time.Now()
				test.end(t, a)
				for s.holder(lease) != b.store && time.Since(began) < time.Minute {
					time.Sleep(time.Second)
				}
				if took := time.Since(began); took > test.most {
					t.Errorf("the other process polls after %v, want at most %v", took, test.most)
				}
				until(t, b, id, runwith.StateSucceeded)
				if took := time.Since(began); took > time.Minute {
					t.Errorf("the end was seen after %v, want about 50 s", took)
				}
				time.Sleep(time.Minute)
				if s.holder(lease) != nil {
					t.Error("the lease is held although there is nothing to watch")
				}
			})
		})
	}
}

// TestPollerSeesRowsOfOthers starts and cancels a job in one process while another one polls, and
// has reason to do so rarely.
func TestPollerSeesRowsOfOthers(t *testing.T) {
	in(t, func(t *testing.T) {
		s, c := openShared(t), &cloud{}
		a, b := openReplica(t, s, c), openReplica(t, s, c)
		<-a.Rebuilt()
		<-b.Rebuilt()
		synctest.Wait()
		until(t, b, invoke(t, b, runwith.Overrides{}).ID, runwith.StateRunning)
		time.Sleep(11 * time.Minute)
		if s.holder(pollLease("report")) != b.store {
			t.Fatal("the process that has started the first job does not poll it")
		}
		id := invoke(t, a, runwith.Overrides{Env: map[string]string{"N": "2"}}).ID
		until(t, b, id, runwith.StateRunning)
		time.Sleep(11 * time.Minute)
		began := time.Now()
		if _, err := a.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		until(t, a, id, runwith.StateCancelled)
		if took := time.Since(began); took > 1500*time.Millisecond {
			t.Errorf("the end was seen after %v, want about a second", took)
		}
		if len(c.seen().cancels) != 1 {
			t.Errorf("%d cancels, want 1", len(c.seen().cancels))
		}
	})
}

// TestCancelIsClaimed has two processes send the same cancel at the same moment.
func TestCancelIsClaimed(t *testing.T) {
	in(t, func(t *testing.T) {
		s, c := openShared(t), &cloud{}
		a, b := openReplica(t, s, c), openReplica(t, s, c)
		<-a.Rebuilt()
		id := invoke(t, a, runwith.Overrides{}).ID
		until(t, a, id, runwith.StateRunning)
		r, err := s.Find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		claims := 0
		for _, v := range []*Invoker{a, b} {
			_, mine, err := v.cancelling.claim(r)
			if err != nil {
				t.Fatal(err)
			}
			if mine {
				claims++
			}
		}
		if claims != 1 {
			t.Errorf("%d processes may send the cancel, want 1", claims)
		}
	})
}

// TestTickKnowsTheJobsOfOthers ticks a process just after another one has started a job and closed.
func TestTickKnowsTheJobsOfOthers(t *testing.T) {
	in(t, func(t *testing.T) {
		s, c := openShared(t), &cloud{life: time.Nanosecond}
		a, b := openReplica(t, s, c), openReplica(t, s, c)
		<-a.Rebuilt()
		<-b.Rebuilt()
		synctest.Wait()
		until(t, a, invoke(t, a, runwith.Overrides{}).ID, runwith.StateRunning)
		closeInvoker(t, a)
		time.Sleep(time.Millisecond) // so that the execution has ended
		left, err := b.Tick(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := left[runwith.StateRunning]; n != 0 {
			t.Errorf("%d invocations run after the tick, want 0", n)
		}
	})
}
