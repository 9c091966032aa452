//go:build linux || darwin

package emulator_test

import (
	"net/http"
	"testing"

	"github.com/runwith/runwith/internal/engine/emulator"
)

// TestMetadataListener checks that the listener for tasks has the metadata server, under the
// names that tasks have for it, and nothing of the engine's API.
func TestMetadataListener(t *testing.T) {
	t.Parallel()
	e := open(t, emulator.Config{MetadataAddr: "127.0.0.1:0", MetadataHosts: []string{"runwith-metadata.runwith.svc"}})
	defer e.Close()
	for _, test := range []struct {
		host, path string
		want       int
	}{
		{"runwith-metadata.runwith.svc:8081", "/computeMetadata/v1/project/project-id", http.StatusOK},
		{"metadata.google.internal", "/computeMetadata/v1/instance/service-accounts/default/token", http.StatusOK},
		{"runwith-metadata.runwith.svc:8081", "/v2/projects/demo/locations/us-east4/jobs", http.StatusNotFound},
		{"runwith-metadata.runwith.svc:8081", "/metrics", http.StatusNotFound},
		{"rebound.example.com", "/computeMetadata/v1/project/project-id", http.StatusForbidden},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.MetadataAddr()+test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = test.host
		r.Header.Set("Metadata-Flavor", "Google")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
		if answer.StatusCode != test.want {
			t.Errorf("GET %s of %s = %s, want %d", test.path, test.host, answer.Status, test.want)
		}
	}
}
