package ledger

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/jobspec"
)

const (
	// MaxLabels is the number of labels that a record may have.
	MaxLabels = 16
	// MaxLabelName bounds the name of a label, in characters.
	MaxLabelName = 63
	// MaxLabelValue bounds the value of a label, in characters.
	MaxLabelValue = 128
)

var labelName = regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)

// CheckLabels returns an INVALID_ARGUMENT that names every faulty label of a request, or nil.
// It does not repeat values.
func CheckLabels(labels map[string]string) error {
	var violations jobspec.Violations
	p := violations.Root().Field("labels")
	if len(labels) > MaxLabels {
		p.Addf("at most %d labels are allowed, not %d", MaxLabels, len(labels))
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		at := p.Field(name)
		if !labelNameFits(name) {
			at = p.Key(name)
			at.Addf("the name must have at most %d lower-case letters, digits and _ . -, and begin with a letter", MaxLabelName)
		}
		if !labelValueFits(labels[name]) {
			at.Addf("the value must have at most %d characters, and no control characters", MaxLabelValue)
		}
	}
	return violations.Err()
}

// LabelFits reports whether a request may have the label. The value may be empty.
func LabelFits(name, value string) bool { return labelNameFits(name) && labelValueFits(value) }

func labelNameFits(name string) bool {
	return len(name) <= MaxLabelName && labelName.MatchString(name)
}

func labelValueFits(value string) bool {
	return utf8.RuneCountInString(value) <= MaxLabelValue && utf8.ValidString(value) && !strings.ContainsFunc(value, unicode.IsControl)
}
