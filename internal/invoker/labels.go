package invoker

import (
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

const (
	// maxLabels is how many labels a request may have.
	maxLabels = ledger.MaxLabels
	// maxLabelName and maxLabelValue bound a label, in characters.
	maxLabelName, maxLabelValue = ledger.MaxLabelName, ledger.MaxLabelValue
)

var (
	labelName  = regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)
	labelValue = regexp.MustCompile(`^[^\x00-\x1f\x7f]*$`)
)

// validateLabels reports every fault of a request's labels.
func validateLabels(labels map[string]string) error {
	var violations jobspec.Violations
	p := violations.Root().Field("labels")
	if len(labels) > maxLabels {
		p.Addf("at most %d labels are allowed, not %d", maxLabels, len(labels))
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		at := p.Field(name)
		if len(name) > maxLabelName || !labelName.MatchString(name) {
			at = p.Key(name)
			at.Addf("the name must be at most %d lower-case letters, digits and _ . -, and begin with a letter", maxLabelName)
		}
		if utf8.RuneCountInString(labels[name]) > maxLabelValue || !labelValue.MatchString(labels[name]) {
			at.Addf("the value must be at most %d characters without control characters", maxLabelValue)
		}
	}
	return violations.Err()
}
