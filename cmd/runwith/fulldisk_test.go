package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	for _, args := range [][]string{
		{"callbacks", "secret"}, {"callbacks", "secret", "--asymmetric"}, {"env", "--unset"}, {"keys", "check"},
		{"schedules", "next", "nightly", "--server", server.URL},
	} {
		root := newRoot()
		root.SetIn(strings.NewReader(auth.NewKey()))
		root.SetOut(fullDisk{})
		root.SetErr(io.Discard)
		if code := execute(t.Context(), root, args); code != exitFailure {
			t.Errorf("%v: exit code = %d, want %d", args, code, exitFailure)
		}
	}
}
