package invoker

import (
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// TestRebuildTogether loses a store, and opens a new one in several processes at about the same
// time. One reads back, also if the first one is stopped meanwhile, and none accepts a key before.
func TestRebuildTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stops bool
		most  time.Duration
	}{
		"the first one reads back":            {false, 3 * time.Minute},
		"the first one is stopped in between": {true, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{}
				lost := open(t, c)
				<-lost.Rebuilt()
				before, _, err := lost.Invoke(t.Context(), keyedRequest("k"))
				if err != nil {
					t.Fatal(err)
				}
				until(t, lost, before.ID, runwith.StateRunning)
				closeInvoker(t, lost)
				began := time.Now()

				s := openShared(t)
				all := []*Invoker{openReplica(t, s, c)}
				synctest.Wait() // it has found the execution, and waits for others to show
				all = append(all, openReplica(t, s, c))
				time.Sleep(30 * time.Second)
				if test.stops {
					go all[0].store.(*replica).stop()
				}
				all = append(all, openReplica(t, s, c))
				synctest.Wait()
				for n, v := range all {
					if _, _, err := v.Invoke(t.Context(), keyedRequest("k")); runwith.CodeOf(err) != runwith.Unavailable {
						t.Errorf("Invoke() in process %d while keys are read back = %v, want UNAVAILABLE", n, err)
					}
				}
				for n, v := range all[1:] {
					<-v.Rebuilt()
					if i, replayed, err := v.Invoke(t.Context(), keyedRequest("k")); err != nil || !replayed || i.ID != before.ID {
						t.Errorf("repeat in process %d = %+v, replayed %v, %v, want %s", n, i, replayed, err, before.ID)
					}
				}
				if took := time.Since(began); took > test.most {
					t.Errorf("it took %v, want at most %v", took, test.most)
				}
				if c.calls() != 1 {
					t.Errorf("%d calls, want 1", c.calls())
				}
			})
		})
	}
}

// TestRebuiltBefore opens a process after others have read back: it knows all keys at once.
func TestRebuiltBefore(t *testing.T) {
	in(t, func(t *testing.T) {
		s, c := openShared(t), &cloud{}
		<-openReplica(t, s, c).Rebuilt()
		began, pages := time.Now(), c.reads()
		synctest.Wait()
		<-openReplica(t, s, c).Rebuilt()
		if took := time.Since(began); took > 0 {
			t.Errorf("the second process knows all keys after %v, want at once", took)
		}
		if read := c.reads() - pages; read > 0 {
			t.Errorf("it has read %d pages, want none", read)
		}
	})
}

// TestRebuildWhereOneIsCutOff opens a process that cannot reach Cloud Run, and another one that can:
// it reads back for both, and watches the executions.
func TestRebuildWhereOneIsCutOff(t *testing.T) {
	in(t, func(t *testing.T) {
		s, c := openShared(t), &cloud{life: time.Minute}
		away := runwith.Errorf(runwith.Unavailable, "no route to host")
		cutOff := &cloud{
			page:      func(int) error { return away },
			execution: func(string) (*runpb.Execution, error) { return nil, away },
		}
		first := openReplica(t, s, cutOff)
		time.Sleep(time.Minute)
		second := openReplica(t, s, c)
		began := time.Now()
		<-second.Rebuilt()
		<-first.Rebuilt()
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the keys are known after %v, want at most a minute", took)
		}
		i, _, err := second.Invoke(t.Context(), keyedRequest("k"))
		if err != nil {
			t.Fatal(err)
		}
		until(t, second, i.ID, runwith.StateSucceeded)
		if took := time.Since(began); took > 3*time.Minute {
			t.Errorf("the end of an execution of a minute is known after %v, want at most three minutes", took)
		}
	})
}
