package api

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// ownProject is the engine's own project, which callers may name by ID or number.
type ownProject struct{ id, number string }

// nameFields are the fields of requests that hold resource names.
var nameFields = []protoreflect.Name{"name", "parent", "resource"}

// byID replaces the number of the own project by its ID in the resource names of a request.
// It changes nothing else.
func (p ownProject) byID(req any) {
	m, ok := req.(proto.Message)
	if !ok || p.number == "" {
		return
	}
	r := m.ProtoReflect()
	p.rename(r)
	// UpdateJobRequest has its resource name in its job.
	if job := r.Descriptor().Fields().ByName("job"); job != nil && job.Message() != nil && r.Has(job) {
		p.rename(r.Get(job).Message())
	}
}

func (p ownProject) rename(m protoreflect.Message) {
	for _, name := range nameFields {
		field := m.Descriptor().Fields().ByName(name)
		if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
			continue
		}
		if sent := m.Get(field).String(); p.named(sent) != sent {
			m.Set(field, protoreflect.ValueOfString(p.named(sent)))
		}
	}
}

// named returns a resource name with the ID of the own project in place of its number.
func (p ownProject) named(resource string) string {
	if rest, ok := strings.CutPrefix(resource, "projects/"+p.number+"/"); ok && p.number != "" {
		return "projects/" + p.id + "/" + rest
	}
	return resource
}
