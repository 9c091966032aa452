package jobspec

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLabels of one resource in Google Cloud.
	maxLabels = 64
	// maxAnnotations is the total size of a resource's annotations in bytes, keys
	// and values.
	maxAnnotations = 256 << 10
)

// validateLabels accepts what is a label to Google Cloud or to Kubernetes, less
// upper-case letters, which Google Cloud refuses.
//
// Deviation: Google Cloud's labels have neither dots nor a namespace.
//
// See https://cloud.google.com/resource-manager/docs/labels-overview#requirements.
func validateLabels(p Place, labels map[string]string) {
	if len(labels) > maxLabels {
		p.Addf("at most %d labels are allowed, not %d", maxLabels, len(labels))
	}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		at := p.Key(key)
		name, ok := validateNamespace(at, key)
		first, _ := utf8.DecodeRuneInString(name)
		if ok && (!unicode.IsLetter(first) || !isLabelText(name)) {
			at.Addf("the key must be at most %d lower-case letters, digits, hyphens, underscores and dots, and begin with a letter", maxLabel)
		}
		if !isLabelText(labels[key]) {
			at.Addf("the value must be at most %d lower-case letters, digits, hyphens, underscores and dots, not %s", maxLabel, Quote(labels[key]))
		}
	}
}

// validateAnnotations holds annotations to Kubernetes' rules, as runpb says.
//
// Deviation: reserved ones are refused in an update, too; Cloud Run promises that
// for new resources alone.
//
// See https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set.
func validateAnnotations(p Place, annotations map[string]string) {
	size := 0
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		size += len(key) + len(annotations[key])
		at := p.Key(key)
		if name, ok := validateNamespace(at, key); ok && !isQualifiedName(name) {
			at.Addf("the key must be at most %d letters, digits, hyphens, underscores and dots, and begin and end with a letter or digit", maxLabel)
		}
	}
	if size > maxAnnotations {
		p.Addf("all annotations together are %d bytes, at most %d are allowed", size, maxAnnotations)
	}
}

// validateNamespace checks what stands before the slash in a key and returns what
// stands behind it. It is false when it has found a fault.
func validateNamespace(p Place, key string) (name string, ok bool) {
	namespace, name, found := strings.Cut(key, "/")
	switch {
	case !found:
		return key, true
	case IsReservedNamespace(namespace):
		p.Addf("the namespace %s is reserved, set the field that stands for it", namespace)
		return name, false
	case !isDomain(namespace):
		p.Addf("what stands before the slash in the key must be a domain, not %s", Quote(namespace))
		return name, false
	}
	return name, true
}

// IsReservedNamespace reports whether v2 has fields for what v1 keeps under a
// namespace, and refuses it therefore.
func IsReservedNamespace(namespace string) bool {
	return slices.Contains([]string{
		"autoscaling.knative.dev",
		"cloud.googleapis.com",
		"run.googleapis.com",
		"serving.knative.dev",
	}, namespace)
}

func isLabelText(s string) bool {
	if utf8.RuneCountInString(s) > maxLabel {
		return false
	}
	for _, r := range s {
		other := r == '-' || r == '_' || r == '.'
		if unicode.IsUpper(r) || !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number) && !other {
			return false
		}
	}
	return true
}

func isQualifiedName(s string) bool {
	if s == "" || len(s) > maxLabel {
		return false
	}
	for i := range len(s) {
		c := s[i]
		inner := (c == '-' || c == '_' || c == '.') && i > 0 && i < len(s)-1
		if !isLower(c) && !isUpper(c) && !isDigit(c) && !inner {
			return false
		}
	}
	return true
}
