package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/overridetest"
)

// TestEveryOverrideIsMasked sets each field of the overrides alone. A caller without the verb values
// sees that it is set, but no value, and a rerun that keeps the values keeps it.
func TestEveryOverrideIsMasked(t *testing.T) {
	t.Parallel()
	for _, c := range overridetest.Each(t) {
		if c.Path == "containers[0].name" { // names may be seen
			continue
		}
		f := &fake{caller: "starter", asked: &runwith.Request{Overrides: c.After}}
		one, err := open(t, f).Invocation(as(t, "starter"), id)
		if err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprintf("%+v", one.Request.Overrides); strings.Contains(text, overridetest.Value) || cmp.Equal(one.Request.Overrides, c.Before) {
			t.Errorf("%s: starter sees %s, want the field with masked values", c.Path, text)
		}
		if cmp.Equal(one.Request.Overrides, c.After) { // it has no values
			continue
		}
		kept, err := invoker.Rerun{Whole: true, KeepValues: true}.Of(f.invocation())
		if err != nil || !cmp.Equal(kept.Asked.Overrides, c.After) {
			t.Errorf("%s: a rerun that keeps the values asks for %+v, %v, want %+v", c.Path, kept.Asked.Overrides, err, c.After)
		}
		mixed := invoker.Rerun{ID: id, Changes: runwith.Request{Parameters: map[string]any{"tenant": "acme"}}}
		if _, _, err := open(t, f).Rerun(as(t, "starter"), mixed); !strings.Contains(fmt.Sprint(err), "verb values") {
			t.Errorf("%s: a rerun that changes only a parameter = %v, want it refused, because it keeps a hidden value", c.Path, err)
		}
	}
}
