package console

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// The modules that need no browser do what testdata/modules.mjs says.
func TestModules(t *testing.T) {
	t.Parallel()
	assets, err := filepath.Abs("assets")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), testneed.Tool(t, "node"), "--test", filepath.Join("testdata", "modules.mjs"))
	cmd.Env = append(os.Environ(), "ASSETS="+assets)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Without JavaScript a line has no colours, and shows what a terminal shows in the end.
func TestPlainText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\x1b[1;31mb\x1b[0m":                       "ab",
		"\x1b]0;title\x07a\x1b]8;;https://x\x1b\\b": "ab",
		"a\x1b[31":        "a␛[31",
		"\r 1 %\r100 %\r": "100 %",
		"<b>\x00\u202e":   "<b>␀⟨U+202E⟩",
		"":                "",
	} {
		if got := plainText(in); got != want {
			t.Errorf("plainText(%q) = %q, want %q", in, got, want)
		}
	}
}
