package jobspec

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxLabels is Google Cloud's limit for one resource.
	maxLabels = 64
	// maxAnnotations limits the total size of a resource's annotations, keys and values,
	// in bytes.
	maxAnnotations = 256 << 10
)

// validateLabels accepts the labels of Google Cloud and of Kubernetes, except those with
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

// validateAnnotations checks annotations by Kubernetes' rules, as runpb demands.
//
// Deviation: reserved annotations are refused in updates too. Cloud Run documents that
// only for new resources.
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

// validateNamespace checks the part of a key before the slash and returns the rest. ok
// is false if it has added a violation.
func validateNamespace(p Place, key string) (name string, ok bool) {
	namespace, name, found := strings.Cut(key, "/")
	switch {
	case !found:
		return key, true
	case IsReservedNamespace(namespace):
		p.Addf("the namespace %s is reserved, set the corresponding field instead", namespace)
		return name, false
	case !isDomain(namespace):
		p.Addf("the part of the key before the slash must be a domain, not %s", Quote(namespace))
		return name, false
	}
	return name, true
}

// IsReservedNamespace reports whether v2 refuses annotations with this namespace,
// because it has fields for them.
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
