package runwith

import (
	"encoding/json"
	"testing"
	"time"
)

func TestOverridesMarshalJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		overrides Overrides
		want      string
	}{
		{"zero value", Overrides{}, `{}`},
		{"nil arguments keep the job's", Overrides{Args: nil, TaskCount: 1}, `{"taskCount":1}`},
		{"empty arguments remove the job's", Overrides{Args: []string{}}, `{"args":[]}`},
		{"an empty argument is kept", Overrides{Args: []string{""}}, `{"args":[""]}`},
		{"an empty environment changes nothing", Overrides{Env: map[string]string{}}, `{}`},
		{"an empty value is kept", Overrides{Env: map[string]string{"A": ""}}, `{"env":{"A":""}}`},
		{"environment sorted by name", Overrides{Env: map[string]string{"B": "2", "A": "1"}}, `{"env":{"A":"1","B":"2"}}`},
		{"whole seconds", Overrides{Timeout: 10 * time.Second}, `{"timeout":"10s"}`},
		{"a long timeout", Overrides{Timeout: 24 * time.Hour}, `{"timeout":"24h0m0s"}`},
		{"fractions of a second", Overrides{Timeout: 1500 * time.Millisecond}, `{"timeout":"1.5s"}`},
		{"invalid values are left to the server", Overrides{TaskCount: -1, Timeout: -time.Second}, `{"taskCount":-1,"timeout":"-1s"}`},
		{
			"containers",
			Overrides{Containers: []ContainerOverride{{Name: "a"}, {Name: "b", Args: []string{}, Env: map[string]string{"A": "1"}}}},
			`{"containers":[{"name":"a"},{"name":"b","args":[],"env":{"A":"1"}}]}`,
		},
		{
			"all fields but containers",
			Overrides{
				Args: []string{"arg-1", "arg-2"}, Env: map[string]string{"ENV_1": "HELLO"},
				TaskCount: 2, Timeout: time.Minute,
			},
			`{"args":["arg-1","arg-2"],"env":{"ENV_1":"HELLO"},"taskCount":2,"timeout":"1m0s"}`,
		},
	}
	for _, tt := range tests {
		for _, value := range []any{tt.overrides, &tt.overrides} {
			got, err := json.Marshal(value)
			if err != nil || string(got) != tt.want {
				t.Errorf("%s: json.Marshal(%T) = %s, %v, want %s", tt.name, value, got, err, tt.want)
			}
		}
	}
}
