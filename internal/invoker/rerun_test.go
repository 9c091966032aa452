package invoker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// TestRerun runs an invocation again, with a key.
func TestRerun(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Second}
		v := open(t, c)
		<-v.Rebuilt()
		origin := invoke(t, v, runwith.Overrides{Args: []string{"a"}})
		other := invoke(t, v, runwith.Overrides{Args: []string{"a"}})
		wait(t, v, origin.ID)
		first, replayed, err := v.Rerun(t.Context(), Rerun{ID: origin.ID, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if replayed {
			t.Fatal("the first Rerun() is replayed")
		}
		if first.ID == origin.ID {
			t.Fatalf("Rerun() = %s, the origin, want a new invocation", first.ID)
		}
		if first.RerunOf != origin.ID {
			t.Fatalf("Rerun() is of %q, want %q", first.RerunOf, origin.ID)
		}
		if diff := cmp.Diff(origin.Request, first.Request); diff != "" {
			t.Fatalf("request of Rerun() (-want +got):\n%s", diff)
		}
		again, replayed, err := v.Rerun(t.Context(), Rerun{ID: origin.ID, Key: "k"})
		if err != nil || !replayed || again.ID != first.ID {
			t.Errorf("a repeat = %s, replayed %v, %v, want the first", again.ID, replayed, err)
		}
		for what, r := range map[string]Rerun{
			"another origin": {ID: other.ID, Key: "k"},
			"a change":       {ID: origin.ID, Key: "k", Changes: runwith.Request{Labels: map[string]string{"a": "b"}}},
			"the same value": {ID: origin.ID, Key: "k", Changes: runwith.Request{Overrides: runwith.Overrides{Args: []string{"a"}}}},
		} {
			if _, _, err := v.Rerun(t.Context(), r); runwith.CodeOf(err) != runwith.AlreadyExists {
				t.Errorf("the key with %s = %v, want ALREADY_EXISTS", what, err)
			}
		}
		if _, _, err := v.Invoke(t.Context(), ask(v, "k", runwith.Overrides{Args: []string{"a"}})); runwith.CodeOf(err) != runwith.AlreadyExists {
			t.Errorf("a plain request with the key = %v, want ALREADY_EXISTS", err)
		}
		if got := wait(t, v, first.ID); got.State != runwith.StateSucceeded {
			t.Errorf("state = %s, want succeeded", got.State)
		}
		if _, _, err := v.Rerun(t.Context(), Rerun{ID: "nobody"}); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("Rerun of nothing = %v, want NOT_FOUND", err)
		}
	})
}

// TestRerunChanges checks which fields are merged, replaced, kept and left out.
func TestRerunChanges(t *testing.T) {
	t.Parallel()
	origin := runwith.Request{
		Parameters: map[string]any{"a": "1", "b": "2"}, Labels: map[string]string{"x": "1", "y": "2"}, Callback: &runwith.Callback{URL: "u"},
		StartAt: time.Now(),
		Overrides: runwith.Overrides{
			Args: []string{"a"}, Env: map[string]string{"A": "1"}, Containers: []runwith.ContainerOverride{{Name: "c"}}, TaskCount: 3, Timeout: time.Minute,
		},
	}
	same := origin
	same.StartAt = time.Time{}
	all := runwith.Request{
		Parameters: map[string]any{"b": "3", "c": "4"}, Labels: map[string]string{"z": "3"}, Callback: &runwith.Callback{URL: "v"}, StartAt: time.Now().Add(time.Hour),
		Overrides: runwith.Overrides{Args: []string{}, Env: map[string]string{}, Containers: []runwith.ContainerOverride{}, TaskCount: 5, Timeout: time.Hour},
	}
	changed := all
	changed.Parameters = map[string]any{"a": "1", "b": "3", "c": "4"}
	for name, test := range map[string]struct{ changes, want runwith.Request }{
		"nothing": {runwith.Request{}, same},
		"all":     {all, changed},
	} {
		q, err := Rerun{ID: "i", Changes: test.changes}.Of(runwith.Invocation{ID: "i", Request: &origin})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, q.Asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(origin.Parameters) != 2 {
		t.Errorf("the request of the origin was changed: %v", origin.Parameters)
	}
	if _, err := (Rerun{ID: "i"}).Of(runwith.Invocation{ID: "i"}); runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("without a request = %v, want FAILED_PRECONDITION", err)
	}
}
