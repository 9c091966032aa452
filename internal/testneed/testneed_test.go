package testneed_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// outcome records what Tool does to a test.
type outcome struct {
	testing.TB
	said string
}

func (o *outcome) Helper() {}

func (o *outcome) Fatalf(format string, args ...any) {
	o.said = "fail: " + fmt.Sprintf(format, args...)
}

func (o *outcome) Skipf(format string, args ...any) { o.said = "skip: " + fmt.Sprintf(format, args...) }

func TestToolMissing(t *testing.T) {
	for _, test := range []struct {
		require, want string
	}{
		{"", "skip: "},
		{"chromium", "skip: "},
		{"no-such-tool-at-all", "skip: "},
		{"no-such-tool", "fail: "},
		{"chromium, no-such-tool", "fail: "},
	} {
		t.Run(test.require, func(t *testing.T) {
			t.Setenv(testneed.Variable, test.require)
			var got outcome
			testneed.Tool(&got, "no-such-tool")
			if !strings.HasPrefix(got.said, test.want) || !strings.Contains(got.said, "no-such-tool") {
				t.Errorf("Tool(no-such-tool) with %s=%q said %q, want %q and the tool's name", testneed.Variable, test.require, got.said, test.want)
			}
		})
	}
}

func TestToolFound(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("looks for sh")
	}
	t.Setenv(testneed.Variable, "sh")
	var got outcome
	if path := testneed.Tool(&got, "sh"); !filepath.IsAbs(path) || got.said != "" {
		t.Errorf("Tool(sh) = %q and said %q, want an absolute path and nothing said", path, got.said)
	}
}
