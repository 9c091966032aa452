package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/runwith/runwith/internal/invoker/auth"
)

// fullDisk is a file on a disk without space.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestOutputToFullDisk runs commands whose output is lost.
func TestOutputToFullDisk(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/next") {
			fmt.Fprint(w, `{"next":["2026-12-01T02:00:00Z"]}`)
			return
		}
		fmt.Fprint(w, `{"zone":"UTC"}`)
	}))
	t.Cleanup(server.Close)
	faulty := filepath.Join(t.TempDir(), "runwith.yaml")
	if err := os.WriteFile(faulty, []byte("no: such field\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"callbacks", "secret"}, {"callbacks", "secret", "--asymmetric"}, {"env", "--unset"}, {"keys", "check"},
		{"schedules", "next", "nightly", "--server", server.URL}, {"schedules", "delete", "nightly", "--server", server.URL},
		{"callbacks", "replay", "one", "--server", server.URL}, {"events", "retry", "one", "--server", server.URL},
		{"config", "check", "--without-secrets", "../../examples/thumbnails/runwith.yaml"}, {"config", "check", faulty}, {"doctor", "--data", t.TempDir()},
	} {
		said := new(strings.Builder)
		root := newRoot()
		root.SetIn(strings.NewReader(auth.NewKey()))
		root.SetOut(fullDisk{})
		root.SetErr(said)
		code := execute(t.Context(), root, args)
		if code != exitFailure || !strings.Contains(said.String(), syscall.ENOSPC.Error()) {
			t.Errorf("%v: exit code = %d, and it said %q, want %d and the reason", args, code, said, exitFailure)
		}
	}
}
