package invoker

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/principal"
)

// TestOwnerAndRepetition asks who has started an invocation, and what a request repeats.
func TestOwnerAndRepetition(t *testing.T) {
	in(t, func(t *testing.T) {
		c := &cloud{life: time.Minute}
		v := open(t, c)
		<-v.Rebuilt()
		docs := principal.With(t.Context(), principal.Principal{Name: "docs"})
		request := asks("report", "k", runwith.Overrides{Args: []string{"a"}})
		if i, found, err := v.Repeated(docs, request); found || err != nil {
			t.Errorf("before the first request: repeats %+v, %v, %v, want nothing", i, found, err)
		}
		first, _, err := v.Invoke(docs, request)
		if err != nil {
			t.Fatal(err)
		}
		for caller, want := range map[string]bool{"docs": true, "other": false, "": false} {
			if owns, err := v.Owns(t.Context(), first.ID, caller); err != nil || owns != want {
				t.Errorf("%q owns it = %v, %v, want %v", caller, owns, err, want)
			}
		}
		if _, err := v.Owns(t.Context(), "none", "docs"); runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("owner of a missing invocation: error = %v, want NOT_FOUND", err)
		}
		if i, found, err := v.Repeated(docs, request); !found || err != nil || i.ID != first.ID {
			t.Errorf("repetition = %+v, %v, %v, want the first", i, found, err)
		}
		other := principal.With(t.Context(), principal.Principal{Name: "other"})
		if i, found, err := v.Repeated(other, request); found || err != nil {
			t.Errorf("another caller's key repeats %+v, %v, %v, want nothing", i, found, err)
		}
		request.Asked.Overrides.Args = []string{"b"}
		if _, found, err := v.Repeated(docs, request); found || runwith.CodeOf(err) != runwith.AlreadyExists {
			t.Errorf("another request with the key: found %v, error = %v, want ALREADY_EXISTS", found, err)
		}
		wait(t, v, first.ID)
		if calls := c.calls(); calls != 1 {
			t.Errorf("%d calls start the job, want one", calls)
		}
	})
}
