package policy_test

import (
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/policy"
)

func TestValuesOfTriggers(t *testing.T) {
	head := "jobs: {a: {parameters: {mode: {type: string, enum: [fast, slow]}, size: {type: integer, maximum: 9}}, args: ['{mode}', '{size}']}}\ntriggers: {t: {type: pubsub, job: a, callers: [anonymous], map: "
	for mapping, want := range map[string]string{
		"{mode: fast, size: 9}":                        "",
		"{mode: /a, size: {pointer: /b, default: 1}}":  "",
		"{mode: fst, size: 9}":                         "2:66: triggers.t.map.mode: is not valid for the job a: it must be one of fast, slow",
		"{mode: fast, size: 10}":                       "triggers.t.map.size: is not valid for the job a: it must be at most 9",
		"{mode: fast, size: '9'}":                      "triggers.t.map.size: is not valid for the job a: it must be a whole number",
		"{mode: /a, size: {pointer: /b, default: 10}}": "triggers.t.map.size.default: is not valid for the job a",
	} {
		f, err := configfile.Read("f", head+mapping+"}}", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = policy.New(f, nil)
		if (err == nil) != (want == "") {
			t.Errorf("%s: error = %v, want %q", mapping, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error = %v, want %q in it", mapping, err, want)
		}
	}
}
