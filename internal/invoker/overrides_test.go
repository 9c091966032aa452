package invoker

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
)

// TestEveryOverrideCounts sets each field of the overrides alone. A field that one of the
// places forgets which must know it would make different requests equal, or be dropped.
func TestEveryOverrideCounts(t *testing.T) {
	t.Parallel()
	one := func(c runwith.ContainerOverride) runwith.Overrides {
		return runwith.Overrides{Containers: []runwith.ContainerOverride{c}}
	}
	for name, o := range each(t, runwith.Overrides{}) {
		checkOverride(t, name, runwith.Overrides{}, o)
	}
	named := runwith.ContainerOverride{Name: "main"}
	for name, c := range each(t, named) {
		checkOverride(t, "containers."+name, one(named), one(c))
	}
	checkOverride(t, "Args, emptied", runwith.Overrides{}, runwith.Overrides{Args: []string{}})
	checkOverride(t, "containers.Args, emptied", one(named), one(runwith.ContainerOverride{Name: "main", Args: []string{}}))
}

// each returns copies of a struct, by the one field that was changed in it.
func each[T any](t *testing.T, base T) map[string]T {
	t.Helper()
	changed := map[string]T{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		next := base
		v := reflect.ValueOf(&next).Elem().FieldByIndex(field.Index)
		switch v.Interface().(type) {
		case string:
			v.SetString(v.String() + "x")
		case int:
			v.SetInt(v.Int() + 1)
		case time.Duration:
			v.SetInt(v.Int() + int64(time.Second))
		case []string:
			v.Set(reflect.ValueOf([]string{"x"}))
		case map[string]string:
			v.Set(reflect.ValueOf(map[string]string{"X": "x"}))
		case []runwith.ContainerOverride:
			v.Set(reflect.ValueOf([]runwith.ContainerOverride{{Name: "x"}}))
		default:
			t.Fatalf("%s.%s has type %s, which this test cannot change: add it", reflect.TypeFor[T](), field.Name, field.Type)
		}
		changed[field.Name] = next
	}
	return changed
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
