package invoker

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
)

// TestCrash stops at each commit and on either side of the call, opens the
// database again and goes on. A crash is a database that takes no more writes.
func TestCrash(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		crash func(t *testing.T, path string, c *cloud) (id string)
		want  runwith.State
		calls int // in all
	}{
		"accepted, not taken":           {crashAccepted(func(r record) record { return r }), runwith.StateSucceeded, 1},
		"taken to be checked":           {crashAccepted(func(r record) record { r.checked, r.overrides = false, nil; return r.leased(time.Now().Add(time.Hour)) }), runwith.StateSucceeded, 1},
		"starting, before the call":     {crashAccepted(func(r record) record { return r.leased(time.Now().Add(time.Hour)) }), runwith.StateUnresolved, 0},
		"in the call":                   {crashInCall(false), runwith.StateUnresolved, 1},
		"called, answer not written":    {crashInCall(true), runwith.StateUnresolved, 1},
		"answer written, still running": {crashRunning, runwith.StateSucceeded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "invoker.db")
				c := &cloud{}
				id := test.crash(t, path, c)

				c.run = nil
				c.execution = func(name string) (*runpb.Execution, error) { return success(name), nil }
				v := reopen(t, c, path)
				got := wait(t, v, id)
				time.Sleep(time.Hour)
				if got.State != test.want || c.calls() != test.calls {
					t.Errorf("%v after %d calls (%+v), want %v after %d", got.State, c.calls(), got.Error, test.want, test.calls)
				}
				if got.State == runwith.StateUnresolved && !strings.Contains(got.Error.Message, Marker+"="+id) {
					t.Errorf("message = %q, want what to look for", got.Error.Message)
				}
			})
		})
	}
}

// crashAccepted leaves an accepted invocation as the transition makes it.
func crashAccepted(transition func(record) record) func(*testing.T, string, *cloud) string {
	return func(t *testing.T, path string, _ *cloud) string {
		s, err := openStore(t.Context(), path, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		id := "01900000-0000-7000-8000-000000000000"
		encoded, err := fit("report", jobOf("report", &runpb.Container{Image: "a"}).GetTemplate(), &runpb.RunJobRequest_Overrides{}, id)
		if err != nil {
			t.Fatal(err)
		}
		r := transition(record{Invocation: runwith.Invocation{ID: id, Job: "report", State: runwith.StateAccepted},
			version: 1, overrides: encoded, checked: true})
		if err := s.accept(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		return id
	}
}

// crashInCall loses the database while Cloud Run is asked, and lets it answer or
// not.
func crashInCall(answer bool) func(*testing.T, string, *cloud) string {
	return func(t *testing.T, path string, c *cloud) string {
		asked, crashed := make(chan struct{}), make(chan struct{})
		c.run = func(ctx context.Context, _ int) (*runpb.Execution, error) {
			close(asked)
			<-crashed
			if answer {
				return &runpb.Execution{Name: executionOf("report", "x")}, nil
			}
			return nil, ctx.Err()
		}
		v := reopen(t, c, path)
		id := invoke(t, v, runwith.Overrides{}).ID
		<-asked
		if err := v.store.close(); err != nil {
			t.Fatal(err)
		}
		close(crashed)
		synctest.Wait()
		_ = v.Close() // there is nothing left that it could close
		return id
	}
}

func crashRunning(t *testing.T, path string, c *cloud) string {
	v := reopen(t, c, path)
	id := invoke(t, v, runwith.Overrides{}).ID
	until(t, v, id, runwith.StateRunning)
	if err := v.store.close(); err != nil {
		t.Fatal(err)
	}
	_ = v.Close() // there is nothing left that it could close
	return id
}

func TestOpenFailures(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.Context(), Config{PollMin: -1}); err == nil ||
		!strings.Contains(err.Error(), "path: ") || !strings.Contains(err.Error(), "cloud run: ") || !strings.Contains(err.Error(), "poll") {
		t.Errorf("Open() = %v, want every fault", err)
	}
	path := filepath.Join(t.TempDir(), "invoker.db")
	reopen(t, &cloud{}, path)
	if _, err := Open(t.Context(), Config{Path: path, CloudRun: &cloud{}}); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("Open() of a database that is held = %v, want FAILED_PRECONDITION", err)
	}
}
