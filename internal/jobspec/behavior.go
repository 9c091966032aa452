package jobspec

import (
	"iter"
	"slices"
	"sync"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"cloud.google.com/go/run/apiv2/runpb"
)

// ClearOutputOnly clears, in place and at every depth, the fields that only the
// server sets, because Google ignores a caller's values for them. The
// google.api.field_behavior annotations define these fields. A nil job stays nil.
//
// See https://google.aip.dev/203#output-only.
func ClearOutputOnly(job *runpb.Job) {
	clearOutputOnly(job.ProtoReflect())
}

func clearOutputOnly(m protoreflect.Message) {
	for fd, v := range m.Range {
		if hasBehavior(fd, annotations.FieldBehavior_OUTPUT_ONLY) {
			m.Clear(fd)
			continue
		}
		for child := range messages(fd, v) {
			clearOutputOnly(child)
		}
	}
}

// validateRequired reports, at every depth, the unset fields that are annotated as
// required.
func validateRequired(p Place, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case m.Has(fd):
			validateRequiredBelow(p.Field(string(fd.Name())), fd, m.Get(fd))
		case fd.FullName() == "google.cloud.run.v2.VolumeMount.mount_path":
			// Optional for Cloud SQL volumes; validateMounts checks it.
		case hasBehavior(fd, annotations.FieldBehavior_REQUIRED):
			p.Field(string(fd.Name())).Addf(required)
		}
	}
}

func validateRequiredBelow(p Place, fd protoreflect.FieldDescriptor, v protoreflect.Value) {
	i := 0
	for child := range messages(fd, v) {
		at := p
		if fd.IsList() {
			at = p.Index(i)
			i++
		}
		validateRequired(at, child)
	}
}

// messages yields the messages in a field: one, the elements of a list, or none. It
// skips maps, because no map in a job has messages as values.
func messages(fd protoreflect.FieldDescriptor, v protoreflect.Value) iter.Seq[protoreflect.Message] {
	return func(yield func(protoreflect.Message) bool) {
		if fd.Message() == nil || fd.IsMap() {
			return
		}
		if !fd.IsList() {
			yield(v.Message())
			return
		}
		list := v.List()
		for i := range list.Len() {
			if !yield(list.Get(i).Message()) {
				return
			}
		}
	}
}

// hasBehavior reports whether a field carries a google.api.field_behavior.
func hasBehavior(fd protoreflect.FieldDescriptor, behavior annotations.FieldBehavior) bool {
	return slices.Contains(behaviors()[fd.FullName()], behavior)
}

// behaviors caches the behaviors of every field of a job and of overrides, at every
// depth, because reading them from the descriptors takes longer than all other checks.
var behaviors = sync.OnceValue(func() map[protoreflect.FullName][]annotations.FieldBehavior {
	found := map[protoreflect.FullName][]annotations.FieldBehavior{}
	seen := map[protoreflect.FullName]bool{}
	var read func(protoreflect.MessageDescriptor)
	read = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			fd := m.Fields().Get(i)
			found[fd.FullName()], _ = proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
			if child := fd.Message(); child != nil {
				read(child)
			}
		}
	}
	read((*runpb.Job)(nil).ProtoReflect().Descriptor())
	read((*runpb.RunJobRequest_Overrides)(nil).ProtoReflect().Descriptor())
	return found
})
