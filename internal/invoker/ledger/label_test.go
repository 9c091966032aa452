package ledger

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckLabels(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 17 {
		many[fmt.Sprintf("l%d", i)] = ""
	}
	for name, test := range map[string]struct {
		labels map[string]string
		want   string // in part; empty: no error
	}{
		"none":             {nil, ""},
		"good":             {map[string]string{"tenant": "acme", "a.b_c-d": "Ä = 1", "empty": ""}, ""},
		"longest":          {map[string]string{"a" + strings.Repeat("b", 62): strings.Repeat("ä", 128)}, ""},
		"too many":         {many, "labels: at most 16 labels are allowed, not 17"},
		"capital":          {map[string]string{"Tenant": "acme"}, `labels["Tenant"]: the name must have`},
		"digit first":      {map[string]string{"1": ""}, `labels["1"]: the name must have`},
		"equals sign":      {map[string]string{"a=b": ""}, `labels["a=b"]: the name must have`},
		"no name":          {map[string]string{"": ""}, `labels[""]: the name must have`},
		"long name":        {map[string]string{strings.Repeat("a", 64): ""}, "the name must have at most 63"},
		"long value":       {map[string]string{"a": strings.Repeat("b", 129)}, "labels.a: the value must have at most 128"},
		"newline in value": {map[string]string{"a": "secret\n"}, "labels.a: the value must have"},
		"NUL in value":     {map[string]string{"a": "\x00"}, "labels.a: the value must have"},
		"C1 in value":      {map[string]string{"a": "\u0085"}, "labels.a: the value must have"},
		"not UTF-8":        {map[string]string{"a": "\xff"}, "labels.a: the value must have"},
	} {
		err := CheckLabels(test.labels)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: CheckLabels() = %v, want %q in it", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the value: %v", name, err)
		}
	}
}
