package googlejson

import (
	"regexp"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// enumName matches the form of the names of an enum's values.
var enumName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// newer are the fields that Google's discovery document has and Google's Go messages do
// not have yet, by message. A test compares both.
var newer = map[protoreflect.FullName][]string{
	"google.cloud.run.v2.Container": {"buildConfig"},
}

// whyNewer is the error about a field of a newer version of the API.
const whyNewer = "belongs to a newer version of Cloud Run's API than this server knows, leave it out"

// Newer returns the JSON names of the fields of a message that only a newer version of the
// API has.
func Newer(m protoreflect.MessageDescriptor) []string { return newer[m.FullName()] }

// isNewer reports whether name is one of those fields, in JSON's or the proto's spelling.
func isNewer(m protoreflect.MessageDescriptor, name string) bool {
	for _, own := range Newer(m) {
		if name == own || name == Snake(own) {
			return true
		}
	}
	return false
}
