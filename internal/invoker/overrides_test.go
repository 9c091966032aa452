package invoker

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/overridetest"
)

// TestEveryOverrideCounts changes each field of the overrides alone. A field that the fingerprint
// forgets would make different requests equal, and one that the translation forgets would be
// dropped.
func TestEveryOverrideCounts(t *testing.T) {
	t.Parallel()
	for _, c := range overridetest.Each(t) {
		checkOverride(t, c.Path, c.Before, c.After)
	}
	one := func(args []string) runwith.Overrides {
		return runwith.Overrides{Containers: []runwith.ContainerOverride{{Name: "main", Args: args}}}
	}
	checkOverride(t, "args, emptied", runwith.Overrides{}, runwith.Overrides{Args: []string{}})
	checkOverride(t, "containers[0].args, emptied", one(nil), one([]string{}))
}

// TestRerunKnowsEveryOverride runs a request again: a field that is not sent stays, and one that is
// sent replaces it.
func TestRerunKnowsEveryOverride(t *testing.T) {
	t.Parallel()
	for _, c := range overridetest.Each(t) {
		if diff := cmp.Diff(c.After, overridden(c.After, runwith.Overrides{})); diff != "" {
			t.Errorf("%s, not sent (-want +got):\n%s", c.Path, diff)
		}
		if diff := cmp.Diff(c.After, overridden(c.Before, c.After)); diff != "" {
			t.Errorf("%s, sent (-want +got):\n%s", c.Path, diff)
		}
	}
}

// checkOverride holds two overrides to be different everywhere.
func checkOverride(t *testing.T, name string, a, b runwith.Overrides) {
	t.Helper()
	if fa, fb := fingerprintOf(t, a), fingerprintOf(t, b); fa == fb {
		t.Errorf("%s: the fingerprint is %q with and without it", name, fa)
	}
	pa, errA := overridesOf(a)
	pb, errB := overridesOf(b)
	if errA != nil || errB != nil {
		t.Fatalf("%s: overridesOf = %v, %v", name, errA, errB)
	}
	if proto.Equal(pa, pb) {
		t.Errorf("%s: Cloud Run is sent %v with and without it", name, pa)
	}
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatalf("%s: json.Marshal = %v", name, err)
	}
	var again runwith.Overrides
	if err := json.Unmarshal(text, &again); err != nil {
		t.Errorf("%s: json.Unmarshal(%s) = %v", name, text, err)
	}
	if diff := cmp.Diff(b, again); diff != "" {
		t.Errorf("%s: after a round trip through %s (-want +got):\n%s", name, text, diff)
	}
}

func fingerprintOf(t *testing.T, o runwith.Overrides) string {
	t.Helper()
	return fingerprintOfRequest(t, runwith.Request{Overrides: o})
}

func fingerprintOfRequest(t *testing.T, q runwith.Request) string {
	t.Helper()
	asked, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	text, err := ledger.Fingerprint("report", asked)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
