package main

import (
	"errors"
	"os"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// A page that is open while the server is gone says so, keeps what it was, and goes on by itself,
// without loading anew.
func TestConsoleSurvivesARestart(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	data := t.TempDir()
	s := startUp(t, data)
	start := func(key string) {
		if _, err := s.client().Start(t.Context(), "test-job", key, &runwith.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	start("first")
	b := openTab(startBrowser(t), t, s.url)
	b.expect("ERR_CONNECTION_REFUSED")
	b.expect("ERR_INCOMPLETE_CHUNKED_ENCODING")
	b.open(t, "/invocations")
	b.wait(t, rowIDs+".length === 1")
	evaluate[bool](t, b, "window.same = true")
	if err := s.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	b.waitForText(t, "The server does not answer")
	b.wait(t, rowIDs+".length === 1")
	s = startUp(t, data, "--addr", s.addr())
	start("second")
	b.wait(t, rowIDs+".length === 2 && document.getElementById('banner').hidden && window.same")
}
