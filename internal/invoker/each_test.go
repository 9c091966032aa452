package invoker

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/store"
)

// batchOf returns n requests with keys.
func batchOf(n int) []Request {
	requests := make([]Request, n)
	for i := range requests {
		requests[i] = asks("", fmt.Sprint("k", i), runwith.Overrides{Env: map[string]string{"N": fmt.Sprint(i)}})
	}
	return requests
}

func invokeEach(t *testing.T, v *Invoker, requests []Request) []Started {
	t.Helper()
	started, err := v.InvokeEach(t.Context(), "report", requests)
	if err != nil || len(started) != len(requests) {
		t.Fatalf("InvokeEach() = %d answers, %v, want %d", len(started), err, len(requests))
	}
	return started
}

// TestInvokeEach sends a batch with bad items among good ones, and sends it again.
func TestInvokeEach(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Second}
		v := open(t, c)
		<-v.Rebuilt()
		batch := batchOf(100)
		batch[3] = asks("", "", runwith.Overrides{Env: map[string]string{"PORT": "1"}}) // reserved
		batch[4].Asked.Labels = map[string]string{"A": "upper case"}
		batch[5] = batch[2]
		batch[6] = asks("", "k2", runwith.Overrides{Args: []string{"other"}})
		first := invokeEach(t, v, batch)
		for n, code := range map[int]runwith.Code{3: runwith.InvalidArgument, 4: runwith.InvalidArgument, 6: runwith.AlreadyExists} {
			if runwith.CodeOf(first[n].Err) != code || first[n].Invocation.ID != "" {
				t.Errorf("item %d = %q, %v, want code %v", n, first[n].Invocation.ID, first[n].Err, code)
			}
		}
		if first[5].Invocation.ID != first[2].Invocation.ID || !first[5].Replayed || first[2].Replayed {
			t.Errorf("a repeat in the batch = %+v, want the invocation of item 2", first[5])
		}
		for n, s := range first {
			if s.Err != nil {
				continue
			}
			i := wait(t, v, s.Invocation.ID)
			if i.State != runwith.StateSucceeded {
				t.Errorf("state of item %d = %s, want succeeded", n, i.State)
			}
			if i.Job != "report" {
				t.Errorf("job of item %d = %q, want report", n, i.Job)
			}
			if got, want := i.Request.Overrides.Env["N"], fmt.Sprint(n); n != 5 && got != want {
				t.Errorf("variable N of item %d = %q, want %q", n, got, want)
			}
		}
		if c.seen().jobReads != 1 {
			t.Errorf("the batch has read the job %d times, want once", c.seen().jobReads)
		}
		for n, s := range invokeEach(t, v, batch) {
			if s.Invocation.ID != first[n].Invocation.ID || s.Replayed == (s.Err != nil) || runwith.CodeOf(s.Err) != runwith.CodeOf(first[n].Err) {
				t.Errorf("item %d again = %s, replayed %v, %v, want the same answer", n, s.Invocation.ID, s.Replayed, s.Err)
			}
		}
		if c.calls() != 96 {
			t.Errorf("%d executions, want 96", c.calls())
		}
	})
}

// TestInvokeEachUnread checks that a batch for a job that cannot be read is accepted after one
// attempt, and that one for a job that does not exist is refused item by item.
func TestInvokeEachUnread(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want runwith.Code
	}{
		"away":   {errDial, runwith.OK},
		"no job": {runwith.Errorf(runwith.NotFound, "there is no job"), runwith.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				c := &cloud{job: func(string) (*runpb.Job, error) { return nil, test.err }}
				v := open(t, c)
				<-v.Rebuilt()
				for n, s := range invokeEach(t, v, batchOf(20)) {
					if runwith.CodeOf(s.Err) != test.want {
						t.Errorf("item %d = %v, want code %v", n, s.Err, test.want)
					}
				}
				synctest.Wait()
				if test.want != runwith.OK && c.seen().jobReads != 1 {
					t.Errorf("the job was read %d times, want once", c.seen().jobReads)
				}
			})
		})
	}
}

// TestInvokeEachReplaysWithoutTheJob repeats a batch whose job is gone.
func TestInvokeEachReplaysWithoutTheJob(t *testing.T) {
	in(t, func(t *testing.T) {
		gone := false
		c := &cloud{job: func(id string) (*runpb.Job, error) {
			if gone {
				return nil, runwith.Errorf(runwith.NotFound, "there is no job")
			}
			return jobOf(id, &runpb.Container{}), nil
		}}
		v := open(t, c)
		<-v.Rebuilt()
		first := invokeEach(t, v, batchOf(2))
		time.Sleep(2 * jobFresh)
		gone = true
		again := invokeEach(t, v, batchOf(3))
		for n := range first {
			if again[n].Invocation.ID != first[n].Invocation.ID || !again[n].Replayed {
				t.Errorf("item %d again = %+v, want the invocation of before", n, again[n])
			}
		}
		if runwith.CodeOf(again[2].Err) != runwith.NotFound {
			t.Errorf("a new item = %v, want NOT_FOUND", again[2].Err)
		}
	})
}

// TestInvokeEachRefused checks the batches that are refused as a whole.
func TestInvokeEachRefused(t *testing.T) {
	in(t, func(t *testing.T) {
		v := open(t, &cloud{})
		if _, err := v.InvokeEach(t.Context(), "report", make([]Request, MaxBatch+1)); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("InvokeEach of %d = %v, want INVALID_ARGUMENT", MaxBatch+1, err)
		}
		v = open(t, &cloud{}, func(c *Config) { c.Ephemeral = true })
		if _, err := v.InvokeEach(t.Context(), "report", batchOf(1)); runwith.CodeOf(err) != runwith.FailedPrecondition {
			t.Errorf("InvokeEach with an ephemeral store = %v, want FAILED_PRECONDITION", err)
		}
		if page, _, err := v.Invocations(t.Context(), Filter{}); len(page) > 0 || err != nil {
			t.Errorf("%d invocations, %v, want none", len(page), err)
		}
	})
}

// TestCrashInABatch crashes on either side of the commit of a batch, whose caller then sends it
// again. Each job starts once.
func TestCrashInABatch(t *testing.T) {
	t.Parallel()
	for point := range 8 {
		t.Run(fmt.Sprint(point), func(t *testing.T) {
			inBoth(t, func(t *testing.T, h house) {
				c, world := &cloud{life: time.Second}, &mortal{left: 1 << 20}
				config := Config{Store: mortalStore{h.store(t), world}, CloudRun: c, Logger: slog.New(slog.DiscardHandler)}
				v, err := Open(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				<-v.Rebuilt()
				world.mu.Lock()
				world.left = point
				world.mu.Unlock()
				_, err = v.InvokeEach(t.Context(), "report", batchOf(10))
				if (err == nil) != (point >= 2) {
					t.Errorf("InvokeEach = %v", err)
				}
				left, err := config.Store.List(context.WithoutCancel(t.Context()), listAll())
				if err != nil || len(left) != 0 && len(left) != 10 {
					t.Errorf("%d rows, %v, want all or none", len(left), err)
				}
				world.end()
				_ = v.Close()
				if err := config.Store.Close(); err != nil {
					t.Fatal(err)
				}
				v = h.open(t, c)
				<-v.Rebuilt()
				for n, s := range invokeEach(t, v, batchOf(10)) {
					if i := wait(t, v, s.Invocation.ID); i.State != runwith.StateSucceeded {
						t.Errorf("item %d = %s", n, i.State)
					}
				}
				for _, n := range c.executions() {
					if n != 1 || len(c.executions()) != 10 {
						t.Errorf("executions = %v, want ten with one start", c.executions())
					}
				}
			})
		})
	}
}

func listAll() store.Query { return store.Query{Limit: 100} }
