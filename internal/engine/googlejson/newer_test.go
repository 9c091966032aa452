package googlejson_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/run/apiv2/runpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/runwith/runwith/internal/engine/conformance/discovery"
	"github.com/runwith/runwith/internal/engine/googlejson"
)

// schema is a schema of Google's discovery document, or a property of one.
type schema struct {
	Enum       []string
	Properties map[string]*schema
}

// TestDiscoveryDocumentIsKnown checks that every field and enum value of the newest
// discovery document of v2 is either in Google's messages, which docs/compatibility.md
// covers, or refused as newer.
func TestDiscoveryDocumentIsKnown(t *testing.T) {
	t.Parallel()
	raw, err := discovery.Read("v2")
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Schemas map[string]*schema }
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	seen := map[protoreflect.FullName]bool{}
	for _, m := range []proto.Message{
		&runpb.Job{}, &runpb.Execution{}, &runpb.Task{}, &runpb.RunJobRequest{}, &runpb.CancelExecutionRequest{},
		&runpb.ListJobsResponse{}, &runpb.ListExecutionsResponse{}, &runpb.ListTasksResponse{},
	} {
		wantKnown(t, document.Schemas, m.ProtoReflect().Descriptor(), seen)
	}
	if len(seen) < 30 {
		t.Errorf("%d messages were compared, want all below a job", len(seen))
	}
}

// wantKnown compares a message with its schema, at every depth.
func wantKnown(t *testing.T, schemas map[string]*schema, m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) {
	t.Helper()
	s := schemas["GoogleCloudRunV2"+string(m.Name())]
	if s == nil || seen[m.FullName()] || m.ParentFile().Package() != "google.cloud.run.v2" {
		return
	}
	seen[m.FullName()] = true
	newer := googlejson.Newer(m)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		field := m.Fields().ByJSONName(name)
		switch isNewer := slices.Contains(newer, name); {
		case field == nil && !isNewer:
			t.Errorf("%s has no field %s, which the discovery document has: upgrade the messages, or refuse it as newer", m.FullName(), name)
		case field != nil && isNewer:
			t.Errorf("%s has the field %s: it is no longer newer", m.FullName(), name)
		case field != nil && field.Enum() != nil:
			wantValues(t, field, s.Properties[name].Enum)
		}
	}
	for _, name := range newer {
		if s.Properties[name] == nil {
			t.Errorf("the discovery document has no %s.%s", m.FullName(), name)
		}
	}
	for i := range m.Fields().Len() {
		if below := m.Fields().Get(i).Message(); below != nil {
			wantKnown(t, schemas, below, seen)
		}
	}
}

func wantValues(t *testing.T, field protoreflect.FieldDescriptor, names []string) {
	t.Helper()
	for _, name := range names {
		if field.Enum().Values().ByName(protoreflect.Name(name)) == nil {
			t.Errorf("%s has no value %s, which the discovery document has", field.FullName(), name)
		}
	}
}

func TestNewerFieldsAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"buildConfig", "build_config"} {
		err := googlejson.Unmarshal([]byte(`{"template":{"template":{"containers":[{"`+name+`":{}}]}}}`), &runpb.Job{})
		want := "template.template.containers[0]." + name + ": belongs to a newer version of Cloud Run's API than this server knows, leave it out"
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Unmarshal of %s = %v, want an error that says %q", name, err, want)
		}
	}
}
