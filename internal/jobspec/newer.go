package jobspec

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// validateKnown reports, at every depth, fields and enum values that this program does not
// know. A client with a newer version of the API can send them over gRPC, or by number.
func validateKnown(p Place, m protoreflect.Message) {
	for unknown := m.GetUnknown(); len(unknown) > 0; {
		number, _, n := protowire.ConsumeField(unknown)
		if n <= 0 {
			break
		}
		p.Addf("field number %d belongs to a newer version of Cloud Run's API than this server knows, leave it out", number)
		unknown = unknown[n:]
	}
	for fd, v := range m.Range {
		at := p.Field(string(fd.Name()))
		if fd.Enum() != nil && !fd.IsList() && fd.Enum().Values().ByNumber(v.Enum()) == nil {
			at.Addf("value %d belongs to a newer version of Cloud Run's API than this server knows, leave it out", v.Enum())
		}
		i := 0
		for child := range messages(fd, v) {
			if fd.IsList() {
				validateKnown(at.Index(i), child)
				i++
				continue
			}
			validateKnown(at, child)
		}
	}
}
