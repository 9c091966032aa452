package access_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/access"
	"github.com/runwith/runwith/internal/invoker/inbox"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/principal"
)

// events have one event of the job reindex, whose trigger starts the target now.
type events struct {
	target  string
	filter  inbox.Filter
	retried int
}

func (*events) event(id string) runwith.TriggerEvent {
	return runwith.TriggerEvent{ID: id, Trigger: "uploads", Job: "reindex", Body: canary, Header: map[string]string{"Ce-Id": canary}}
}

func (v *events) Events(_ context.Context, f inbox.Filter) ([]runwith.TriggerEvent, string, error) {
	v.filter = f
	return nil, "", nil
}

func (v *events) Event(_ context.Context, name string) (runwith.TriggerEvent, error) {
	if name != id {
		return runwith.TriggerEvent{}, inbox.NotFound(name)
	}
	return v.event(name), nil
}

func (v *events) Retry(_ context.Context, name string) (runwith.TriggerEvent, error) {
	v.retried++
	return v.event(name), nil
}

func (v *events) Target(string) string { return v.target }

func TestEvents(t *testing.T) {
	t.Parallel()
	p := compile(t, config)
	for who, want := range map[string]struct {
		sees, values bool
		retries      string   // the targets for which a retry comes through
		jobs         []string // of lists; nil: all
	}{
		"operator":  {true, false, "reindex, hidden, none", nil},
		"valued":    {true, true, "", nil},
		"viewer":    {true, false, "", []string{"reindex"}},
		"canceller": {true, false, "", []string{"reindex"}},
		"starter":   {false, false, "", []string{}},
		"blind":     {false, false, "", []string{}},
		"stranger":  {false, false, "", []string{}},
		"":          {false, false, "", []string{}},
	} {
		next := &events{target: "reindex"}
		v := access.NewEvents(next, func() *policy.Policy { return p })
		ctx := principal.With(t.Context(), principal.Principal{Name: who})
		e, err := v.Event(ctx, id)
		if want.sees != (err == nil) || err != nil && runwith.CodeOf(err) != runwith.NotFound {
			t.Errorf("%q: Event() = %v, want it visible: %v", who, err, want.sees)
		}
		_, missing := v.Event(ctx, "0")
		if err != nil && strings.ReplaceAll(err.Error(), id, "0") != missing.Error() {
			t.Errorf("%q: a hidden event is %q, a missing one %q: want the same", who, err, missing)
		}
		if shown := e.Body == canary && e.Header["Ce-Id"] == canary; shown != want.values {
			t.Errorf("%q sees %+v, want the content: %v", who, e, want.values)
		}
		if !want.sees && e.Job+e.Body != "" {
			t.Errorf("%q sees %+v beside the error", who, e)
		}
		if _, _, err := v.Events(ctx, inbox.Filter{Jobs: []string{"hidden"}}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want.jobs, next.filter.Jobs); diff != "" {
			t.Errorf("%q: jobs of a list (-want +got):\n%s", who, diff)
		}
		for _, target := range []string{"reindex", "hidden", ""} {
			next.target, next.retried = target, 0
			e, err := v.Retry(ctx, id)
			name := target
			if name == "" {
				name = "none"
			}
			code := runwith.PermissionDenied
			if !want.sees {
				code = runwith.NotFound
			}
			allowed := strings.Contains(want.retries, name)
			if allowed != (err == nil) {
				t.Errorf("%q retries with target %q: %v, want allowed: %v", who, target, err, allowed)
			}
			if allowed != (next.retried == 1) {
				t.Errorf("%q retries with target %q: %d came through, want allowed: %v", who, target, next.retried, allowed)
			}
			if err != nil && runwith.CodeOf(err) != code {
				t.Errorf("%q retries with target %q: %v, want %v", who, target, err, code)
			}
			if e.Body == canary && !want.values {
				t.Errorf("%q retries with target %q, and sees %+v", who, target, e)
			}
		}
	}
}

// Who operates the old job of a trigger cannot start its new one.
func TestRetryStartsTheNewJob(t *testing.T) {
	t.Parallel()
	p := compile(t, strings.Replace(config, "viewer: [view]", "viewer: [operate]", 1))
	next := &events{target: "hidden"}
	ctx := principal.With(t.Context(), principal.Principal{Name: "viewer"})
	v := access.NewEvents(next, func() *policy.Policy { return p })
	if _, err := v.Retry(ctx, id); runwith.CodeOf(err) != runwith.PermissionDenied || next.retried > 0 {
		t.Errorf("Retry() = %v, want PERMISSION_DENIED for job hidden", err)
	}
	next.target = "reindex"
	if _, err := v.Retry(ctx, id); err != nil {
		t.Errorf("Retry() = %v", err)
	}
}
