package policy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/jobspec"
)

// Limits of labels.
const (
	maxLabels     = 16
	maxLabelName  = 63
	maxLabelValue = 128
)

// checkLabels checks the labels of a request.
func checkLabels(labels map[string]string) error {
	var v jobspec.Violations
	at := v.Root().Field("labels")
	if len(labels) > maxLabels {
		at.Addf("at most %d labels are allowed, not %d", maxLabels, len(labels))
		return v.Err()
	}
	name := regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		value, at := labels[key], at.Field(printable(key))
		if len(key) > maxLabelName || !name.MatchString(key) {
			at.Addf("the name must have at most %d lower-case letters, digits and _ . -, and begin with a letter", maxLabelName)
		}
		if utf8.RuneCountInString(value) > maxLabelValue {
			at.Addf("must have at most %d characters", maxLabelValue)
		}
		if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			at.Addf("must not contain line breaks, NUL or other control characters")
		}
	}
	return v.Err()
}
