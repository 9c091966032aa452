package policy_test

import (
	"strings"
	"testing"
)

// TestBoundsThatNoNumberFits checks that a configuration with such bounds is refused, and one
// with a single valid number is not.
func TestBoundsThatNoNumberFits(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		"type: integer, minimum: 5, maximum: 1":                            "minimum: leaves no valid number together with maximum",
		"type: integer, exclusiveMinimum: 5, exclusiveMaximum: 5":          "exclusiveMinimum: leaves no valid number together with exclusiveMaximum",
		"type: number, minimum: 5, exclusiveMaximum: 5":                    "minimum: leaves no valid number together with exclusiveMaximum",
		"type: number, exclusiveMinimum: 5, maximum: 5":                    "exclusiveMinimum: leaves no valid number together with maximum",
		"type: number, minimum: 5, exclusiveMinimum: 5, maximum: 5":        "minimum: leaves no valid number together with exclusiveMinimum and maximum",
		"type: integer, exclusiveMinimum: 5, exclusiveMaximum: 6":          "exclusiveMinimum: leaves no valid number together with exclusiveMaximum",
		"type: integer, minimum: 0.1, maximum: 0.9":                        "minimum: leaves no valid number together with maximum",
		"type: integer, minimum: -0.9, maximum: -0.1":                      "minimum: leaves no valid number together with maximum",
		"type: integer, minimum: 1, maximum: 9, multipleOf: 10":            "minimum: leaves no valid number together with maximum and multipleOf",
		"type: integer, minimum: 1, maximum: 6, multipleOf: 0.7":           "minimum: leaves no valid number together with maximum and multipleOf",
		"type: number, minimum: 0.11, maximum: 0.19, multipleOf: 0.1":      "minimum: leaves no valid number together with maximum and multipleOf",
		"type: number, minimum: 1e18":                                      "minimum: leaves no valid number: numbers have at most 18 digits",
		"type: number, maximum: -1e18":                                     "maximum: leaves no valid number: numbers have at most 18 digits",
		"type: integer, minimum: 5, maximum: 5":                            "",
		"type: number, exclusiveMinimum: 5, exclusiveMaximum: 6":           "",
		"type: integer, minimum: -0.1, maximum: 0.9":                       "",
		"type: integer, minimum: 1, maximum: 7, multipleOf: 0.7":           "",
		"type: number, minimum: 0.1, maximum: 0.1, multipleOf: 0.1":        "",
		"type: integer, exclusiveMinimum: -6, maximum: -3, multipleOf: 3":  "",
		"type: integer, exclusiveMinimum: -3, maximum: 5, multipleOf: 10":  "",
		"type: integer, minimum: 999999999999999999, multipleOf: 1":        "",
		"type: integer, multipleOf: 7":                                     "",
		"type: integer, maximum: -999999999999999999, exclusiveMaximum: 1": "",
	} {
		_, err := compiled("jobs: {a: {env: {X: '{x}'}, parameters: {x: {" + schema + "}}}}")
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v, want no mistake", schema, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), "jobs.a.parameters.x."+want)):
			t.Errorf("%s: %v, want %s", schema, err, want)
		}
	}
}
