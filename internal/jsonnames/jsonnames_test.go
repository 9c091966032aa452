package jsonnames_test

import (
	"testing"

	"github.com/runwith/runwith/internal/jsonnames"
)

func TestRepeated(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: "",
		`{"taskCount":1,"TASKCOUNT":2}`:             "TASKCOUNT",
		`{"env":{"A":"1","a":"2"}}`:                 "",
		`{"env":{"A":"1","A":"2"}}`:                 "A",
		`{"c":[{"x":[]},{"y":1,"y":2}]}`:            "y",
		`[1,"a"]`:                                   "",
	} {
		if name, end := jsonnames.Repeated([]byte(data)); name != want || (end > 0) != (want != "") {
			t.Errorf("Repeated(%s) = %q, %d, want %q", data, name, end, want)
		}
	}
	if _, end := jsonnames.Repeated([]byte(`{"":1,"":2}`)); end != len(`{"":1,""`) {
		t.Errorf("offset of a repeated empty name = %d", end)
	}
}
