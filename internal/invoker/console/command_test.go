package console

import (
	"os/exec"
	"strings"
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
	if got := curlOf("http://localhost:8080", "nightly", q, false); got != curl {
		t.Errorf("curl =\n%s\nwant\n%s", got, curl)
	}
}

// No arguments are not the same as those of the job.
func TestCommandRemovesArguments(t *testing.T) {
	t.Parallel()
	q := runwith.Request{Overrides: runwith.Overrides{Args: []string{}}}
	if got, want := commandOf("http://localhost:8080", "nightly", q), "runwith run nightly --server http://localhost:8080 --"; got != want {
		t.Errorf("command = %s, want %s", got, want)
	}
}

// A command has no flag for a container, and no character that a visitor cannot see: both are in
// the JSON.
func TestCommandOfJSON(t *testing.T) {
	t.Parallel()
	q := runwith.Request{Overrides: runwith.Overrides{Containers: []runwith.ContainerOverride{{Name: "side", Args: []string{"it's \u202e<b>\x1b"}}}}}
	want := `printf '%s\n' '{"containers":[{"name":"side","args":["it'\''s \u202e\u003cb\u003e\u001b"]}]}' |` + "\n  runwith run nightly --server http://localhost:8080 --each - --key \"$(uuidgen)\""
	if got := commandOf("http://localhost:8080", "nightly", q); got != want {
		t.Errorf("command =\n%s\nwant\n%s", got, want)
	}
	if got := curlOf("https://host", "nightly", q, true); !strings.Contains(got, `$RUNWITH_API_KEY" \`) || strings.ContainsFunc(got, unprintable) {
		t.Errorf("curl =\n%q\nwant the key, and nothing that cannot be seen", got)
	}
}

// A shell reads back what was quoted.
func TestShellReadsQuotedText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a b", "it's", `\n"$(id)"`, "`id`", "~", "*", "a\nb", "-x", "#", "ä=;&|<>"} {
		got, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quoted(text)).Output()
		if err != nil || string(got) != text {
			t.Errorf("sh reads %q as %q, %v", text, got, err)
		}
	}
}
