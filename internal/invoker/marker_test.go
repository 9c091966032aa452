package invoker

import (
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

func TestPassport(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)
	r := Record{Invocation: runwith.Invocation{ID: "01900000-0000-7000-8000-000000000000", Created: at},
		Owner: "owner", Key: "key", Fingerprint: "job=x", Slot: "slot"}
	e := &runpb.Execution{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{}, {Env: r.markers()}}}}
	if id, found := bornBy(e); id != r.ID || !found {
		t.Errorf("bornBy() = %q, %v, want %s", id, found, r.ID)
	}
	if diff := cmp.Diff(passport{1, at, "owner", "key", "job=x", "slot"}, passportOf(e)); diff != "" {
		t.Errorf("passportOf() (-want +got):\n%s", diff)
	}
	for name, env := range map[string][]*runpb.EnvVar{
		"none":         nil,
		"not an ID":    {variable(Marker, "mine")},
		"another name": {variable("INVOCATION", r.ID)},
	} {
		e := &runpb.Execution{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{Env: env}}}}
		if id, found := bornBy(e); found {
			t.Errorf("%s: bornBy() = %q", name, id)
		}
	}
	for _, text := range []string{"", "{", `{"v":2,"caller":"x"}`, `{"v":"1"}`, `[]`} {
		if p := readPassport(text); p != (passport{}) {
			t.Errorf("readPassport(%q) = %+v, want nothing", text, p)
		}
	}
}

// FuzzReadPassport holds that what anybody may have written into an environment is
// read or passed over.
func FuzzReadPassport(f *testing.F) {
	for _, seed := range []string{`{"v":1,"accepted":"2026-03-01T10:00:00Z","caller":"c","request":"r"}`, `{"v":1}`, `{`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p := readPassport(text); p.Version != recordVersion && p != (passport{}) {
			t.Errorf("readPassport(%q) = %+v", text, p)
		}
	})
}
