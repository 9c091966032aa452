package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/engine/knative"
	"github.com/runwith/runwith/internal/eventually"
)

// TestOriginalRequestStartsTheJob posts overrides to jobs:run at Cloud Run's regional host, with a
// token of the metadata server. It has the same fields as the original client's request, even the
// unnecessary ones (name, clearArgs).
func TestOriginalRequestStartsTheJob(t *testing.T) {
	t.Parallel()
	s := startUp(t, t.TempDir())
	const body = `{"overrides":{"containerOverrides":[{"name":"","args":["arg-1","arg-2"],` +
		`"env":[{"name":"ENV_1","value":"HELLO"},{"name":"ENV_2","value":"WORLD"}],"clearArgs":false}],"taskCount":1,"timeoutSeconds":10}}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		s.url+"/apis/run.googleapis.com/v1/namespaces/demo/jobs/test-job:run", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "us-east4-run.googleapis.com"
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+s.token(t))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("jobs:run = %s %s, %v", res.Status, raw, err)
	}
	var x knative.Execution
	if err := knative.Unmarshal(raw, &x); err != nil {
		t.Fatal(err)
	}
	sh, ended := shell{endpoint: s.url}, regexp.MustCompile(`State +succeeded`)
	eventually.True(t, "the execution has ended", func() bool {
		return ended.MatchString(sh.ok(t, "executions", "describe", x.Metadata.Name))
	})
	var printed []string
	for line := range strings.Lines(sh.ok(t, "executions", "logs", x.Metadata.Name)) {
		if strings.HasPrefix(line, "ENV_") || strings.HasPrefix(line, "  ARG") {
			printed = append(printed, strings.TrimRight(line, "\n"))
		}
	}
	if diff := cmp.Diff([]string{"ENV_1 = HELLO", "ENV_2 = WORLD", "  ARG: arg-1", "  ARG: arg-2"}, printed); diff != "" {
		t.Errorf("the job printed (-want +got):\n%s", diff)
	}
}

// token is an access token of the server's metadata server, as the request's sender
// got one.
func (s *server) token(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/computeMetadata/v1/instance/service-accounts/default/token", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Metadata-Flavor", "Google")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var token struct {
		Value string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&token); err != nil || token.Value == "" {
		t.Fatalf("token = %+v, %v", token, err)
	}
	return token.Value
}
