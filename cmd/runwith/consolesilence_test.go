//go:build unix

package main

import (
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// A live page tells that its connection has gone silent, and connects again. Heartbeats are enough
// to keep a connection.
func TestConsoleNoticesSilence(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	p := startProxy(t, s.addr())
	b := openTab(startBrowser(t), t, p.url())
	b.expect("net::ERR_")
	b.noticeSilenceSoon(t)
	b.open(t, "/invocations")
	b.waitForText(t, "Nothing has run yet")
	evaluate[bool](t, b, "window.same = true")
	p.hush()
	id := s.outcome(t, "test-job").ID
	b.wait(t, "document.getElementById('row-"+id+"') && document.getElementById('banner').hidden && window.same")
}
