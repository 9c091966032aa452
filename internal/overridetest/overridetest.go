// Package overridetest changes each field of [runwith.Overrides] alone, for tests of the places
// that must know all fields. Such a test fails if its place forgets a new field.
package overridetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/runwith/runwith"
)

// Value is each text in the changed overrides: an argument, or the value of a variable.
const Value = "s3cret-value"

// Change is a change of one field.
type Change struct {
	// Path names the field as errors do: args, containers[0].env.
	Path string
	// Before and After differ in this field alone.
	Before, After runwith.Overrides
}

// Overrides reports whether the field changes how the job runs. The others name a container.
func (c Change) Overrides() bool { return c.Path != "containers" && c.Path != "containers[0].name" }

// Each returns one change for each field of the overrides, also for those of a container.
func Each(t testing.TB) []Change {
	t.Helper()
	changes := each(t, "", runwith.Overrides{}, func(o runwith.Overrides) runwith.Overrides { return o })
	return append(changes, each(t, "containers[0].", runwith.ContainerOverride{Name: "main"}, func(c runwith.ContainerOverride) runwith.Overrides {
		return runwith.Overrides{Containers: []runwith.ContainerOverride{c}}
	})...)
}

func each[T any](t testing.TB, place string, base T, whole func(T) runwith.Overrides) (changes []Change) {
	t.Helper()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		changed := base
		v := reflect.ValueOf(&changed).Elem().FieldByIndex(field.Index)
		if err := set(v); err != nil {
			t.Fatalf("%s.%s: %v", reflect.TypeFor[T](), field.Name, err)
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		changes = append(changes, Change{Path: place + name, Before: whole(base), After: whole(changed)})
	}
	return changes
}

// set changes the value of a field.
func set(v reflect.Value) error {
	switch v.Interface().(type) {
	case string:
		v.SetString(Value)
	case int:
		v.SetInt(v.Int() + 1)
	case time.Duration:
		v.SetInt(v.Int() + int64(time.Second))
	case []string:
		v.Set(reflect.ValueOf([]string{Value}))
	case map[string]string:
		v.Set(reflect.ValueOf(map[string]string{"NAME": Value}))
	case []runwith.ContainerOverride:
		v.Set(reflect.ValueOf([]runwith.ContainerOverride{{Name: "main"}}))
	default:
		return fmt.Errorf("package overridetest cannot change the type %s: add it", v.Type())
	}
	return nil
}
