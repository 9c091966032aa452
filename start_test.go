package runwith

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRequestJSON(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Request{
		`{}`:                              {},
		`{"args":["a"],"timeout":"1m0s"}`: {Overrides: Overrides{Args: []string{"a"}, Timeout: time.Minute}},
		`{"args":[],"parameters":{"size":9007199254740993,"tenant":"acme"},"labels":{"tenant":"acme"},"callback":{"url":"https://api.example.com/hook"}}`: {
			Parameters: map[string]any{"tenant": "acme", "size": json.Number("9007199254740993")}, Labels: map[string]string{"tenant": "acme"},
			Callback: &Callback{URL: "https://api.example.com/hook"}, Overrides: Overrides{Args: []string{}},
		},
	} {
		got, err := json.Marshal(r)
		if err != nil || string(got) != want {
			t.Errorf("json.Marshal(%+v) = %s, %v, want %s", r, got, err, want)
		}
		var back Request
		if err := json.Unmarshal([]byte(want), &back); err != nil {
			t.Errorf("json.Unmarshal(%s) = %v", want, err)
		}
		if diff := cmp.Diff(r, back); diff != "" {
			t.Errorf("json.Unmarshal(%s) (-want +got):\n%s", want, diff)
		}
	}
	if err := json.Unmarshal([]byte(`{"timeout":"soon"}`), new(Request)); err == nil {
		t.Error("timeout soon: no error")
	}
}
