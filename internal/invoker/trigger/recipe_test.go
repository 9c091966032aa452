package trigger

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// recipe returns the code block of docs/triggers.md after the comment with this name.
func recipe(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "triggers.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "<!-- recipe "+name+" -->\n```sh\n")
	code, _, closed := strings.Cut(after, "\n```\n")
	if !found || !closed {
		t.Fatalf("docs/triggers.md has no recipe for %s", name)
	}
	return code
}

// TestRecipes runs the curl commands of docs/triggers.md, with the right secret and with
// another one.
func TestRecipes(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "openssl"} {
		testneed.Tool(t, tool)
	}
	for _, test := range []struct{ name, form, secret, other string }{
		{"github", github, githubSecret, githubSecret + "!"},
		{"standard", standard, standardSecret, "whsec_" + strings.Repeat("A", 32)},
	} {
		h, started, _ := newHookWith(t, test.form, test.secret)
		server := httptest.NewServer(h)
		defer server.Close()
		run := func(secret string) string {
			cmd := exec.CommandContext(t.Context(), "sh", "-euc", recipe(t, test.name))
			cmd.Env = append(os.Environ(), "HOOK_SECRET="+secret, "RUNWITH_SERVER="+server.URL)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", test.name, err, out)
			}
			return string(out)
		}
		if out := run(test.secret); !strings.Contains(out, `"outcome":"accepted"`) || len(started) != 1 {
			t.Errorf("%s: %s", test.name, out)
		}
		if out := run(test.other); !strings.Contains(out, "UNAUTHENTICATED") || len(started) != 1 {
			t.Errorf("%s with another secret: %s", test.name, out)
		}
		for _, l := range started {
			if l.Asked.Parameters["branch"] != "refs/heads/main" {
				t.Errorf("%s: parameters %v", test.name, l.Asked.Parameters)
			}
		}
	}
}
