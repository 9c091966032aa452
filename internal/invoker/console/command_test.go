package console

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
)

// What a shell reads is what the request has, whatever that is.
func TestCommands(t *testing.T) {
	t.Parallel()
	q := runwith.Request{
		Parameters: map[string]any{"tenant": "a'b $(x)", "n": 5}, Labels: map[string]string{"month": "2026-11"},
		Overrides: runwith.Overrides{Args: []string{"--fast", "two words", ""}, Env: map[string]string{"A": "1"}, TaskCount: 3, Timeout: time.Hour},
	}
	const want = `runwith run nightly --server http://localhost:8080 --param n=5 --param 'tenant=a'\''b $(x)' --env A=1 --label month=2026-11 --tasks 3 --timeout 1h0m0s -- --fast 'two words' ''`
	if got := commandOf("http://localhost:8080", "nightly", q); got != want {
		t.Errorf("command =\n%s\nwant\n%s", got, want)
	}
	q = runwith.Request{Overrides: runwith.Overrides{Args: []string{"it's"}}}
	const curl = "curl http://localhost:8080/api/v1/jobs/nightly/invocations \\\n  -H 'Content-Type: application/json' \\\n  -H 'Idempotency-Key: '\"$(uuidgen)\" \\\n  -d '{\n  \"args\": [\n    \"it'\\''s\"\n  ]\n}'"
	if got := curlOf("http://localhost:8080", "nightly", q); got != curl {
		t.Errorf("curl =\n%s\nwant\n%s", got, curl)
	}
}
