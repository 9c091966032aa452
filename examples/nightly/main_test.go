package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// TestMain lets the test's own binary be the example, so that the job's process is one too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "job" || os.Args[1] == "show") {
		if os.Args[1] == "show" {
			os.Args = append(os.Args[:1], os.Args[2:]...)
		}
		main()
		return
	}
	os.Exit(m.Run())
}

// TestNightly runs the example, which waits for the next full minute.
func TestNightly(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED: tasks run on Linux and macOS alone")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "runwith")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/runwith/runwith/cmd/runwith").CombinedOutput(); err != nil {
		t.Fatalf("build runwith: %v\n%s", err, out)
	}
	example := exec.CommandContext(t.Context(), self, "show", "-addr", "127.0.0.1:0", "-runwith", program)
	example.Stderr = t.Output()
	out, err := example.Output()
	if err != nil {
		t.Fatalf("the example ended with %v\n%s", err, out)
	}
	want := regexp.MustCompile(`^The schedule's next slot is (\d\d:\d\d). The server is down until then.
The server is back at \d\d:\d\d:\d\d.
Callback: invocation.succeeded of job report
Slot (\d\d:\d\d) was caught up once: invocation [0-9a-f-]{36} succeeded
  report of tenant acme for the slot (\d\d:\d\d)
$`)
	found := want.FindStringSubmatch(string(out))
	if found == nil || found[1] != found[2] || found[1] != found[3] {
		t.Errorf("the example printed\n%s\nwant it to match, with one slot,\n%s", out, want)
	}
}
