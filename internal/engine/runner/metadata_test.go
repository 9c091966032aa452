package runner

import (
	"maps"
	"testing"
)

func TestAddMetadataProxy(t *testing.T) {
	t.Parallel()
	const local = "localhost,127.0.0.1,::1"
	for name, test := range map[string]struct {
		address   string
		env, want map[string]string
	}{
		"none":       {"127.0.0.1:8080", map[string]string{}, map[string]string{"http_proxy": "http://127.0.0.1:8080", "HTTP_PROXY": "http://127.0.0.1:8080", "no_proxy": local, "NO_PROXY": local}},
		"own":        {"127.0.0.1:8080", map[string]string{"http_proxy": "http://p"}, map[string]string{"http_proxy": "http://p"}},
		"own, loud":  {"127.0.0.1:8080", map[string]string{"HTTP_PROXY": ""}, map[string]string{"HTTP_PROXY": ""}},
		"exceptions": {"h:1", map[string]string{"no_proxy": "x"}, map[string]string{"http_proxy": "http://h:1", "HTTP_PROXY": "http://h:1", "no_proxy": "x", "NO_PROXY": local}},
		"no server":  {"", map[string]string{}, map[string]string{}},
	} {
		if AddMetadataProxy(test.env, test.address); !maps.Equal(test.env, test.want) {
			t.Errorf("%s: environment = %v, want %v", name, test.env, test.want)
		}
	}
}
