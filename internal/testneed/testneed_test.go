package testneed_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// outcome records how a test ended.
type outcome struct {
	testing.TB
	said string
}

func (o *outcome) Helper() {}

func (o *outcome) Fatalf(format string, args ...any) { o.end("fail: "+format, args...) }

func (o *outcome) Skipf(format string, args ...any) { o.end("skip: "+format, args...) }

func (o *outcome) end(format string, args ...any) {
	o.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// ended runs a test and returns its failure or the reason why it was skipped,
// and "" if it reached its end.
func ended(test func(testing.TB)) string {
	var o outcome
	var done sync.WaitGroup
	done.Go(func() { test(&o) })
	done.Wait()
	return o.said
}

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
			said := ended(func(t testing.TB) { testneed.Tool(t, "no-such-tool") })
			if !strings.HasPrefix(said, test.want) || !strings.Contains(said, "no-such-tool") {
				t.Errorf("Tool(no-such-tool) with %s=%q: the test ended with %q, want %q and the tool's name", testneed.Variable, test.require, said, test.want)
			}
		})
	}
}

func TestToolFound(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("looks for sh")
	}
	t.Setenv(testneed.Variable, "sh")
	if path := testneed.Tool(t, "sh"); !filepath.IsAbs(path) {
		t.Errorf("Tool(sh) = %q, want an absolute path", path)
	}
}

func TestLongOnlyWhenAsked(t *testing.T) {
	for asked, want := range map[string]string{"": "skip: NOT TESTED: set " + testneed.LongVariable + "=1", "1": ""} {
		t.Setenv(testneed.LongVariable, asked)
		said := ended(func(t testing.TB) { testneed.Long(t) })
		if !strings.HasPrefix(said, want) || want == "" && said != "" {
			t.Errorf("Long with %s=%q: the test ended with %q, want %q in front", testneed.LongVariable, asked, said, want)
		}
	}
}

func TestGcloudOnlyWhenAsked(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for asked, want := range map[string]string{"": "skip: NOT TESTED: ", "1": "fail: NOT TESTED: "} {
		t.Setenv(testneed.GcloudVariable, asked)
		if said := ended(func(t testing.TB) { testneed.Gcloud(t) }); !strings.HasPrefix(said, want) {
			t.Errorf("Gcloud without gcloud, %s=%q: the test ended with %q, want %q in front", testneed.GcloudVariable, asked, said, want)
		}
	}
}

func TestGcloudFound(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("makes a shell script")
	}
	dir := t.TempDir()
	gcloud := filepath.Join(dir, "gcloud")
	if err := os.WriteFile(gcloud, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv(testneed.GcloudVariable, "1")
	if got := testneed.Gcloud(t); got != gcloud {
		t.Errorf("Gcloud = %q, want %q", got, gcloud)
	}
}
