package invoker

import (
	"testing"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

func TestPassport(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)
	r := ledger.Record{Invocation: runwith.Invocation{ID: "01900000-0000-7000-8000-000000000000", Created: at},
		Owner: "owner", Key: "key", Fingerprint: "job=x", Slot: "slot"}
	e := &runpb.Execution{Template: &runpb.TaskTemplate{Containers: []*runpb.Container{{}, {Env: markers(r)}}}}
	if id, found := bornBy(e); id != r.ID || !found {
		t.Errorf("bornBy() = %q, %v, want %s", id, found, r.ID)
	}
	if diff := cmp.Diff(ledger.Passport{Version: 1, Accepted: at, Owner: "owner", Key: "key", Request: "job=x", Slot: "slot"}, passportOf(e)); diff != "" {
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
}
