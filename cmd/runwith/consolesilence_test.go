//go:build unix

package main

import (
	"testing"

	chromepage "github.com/chromedp/cdproto/page"
)

// noticeSilenceSoon lets the further pages of a tab notice a silent connection after two seconds
// instead of three heartbeats.
func (b *tab) noticeSilenceSoon(t *testing.T) {
	t.Helper()
	devtools(t, b, chromepage.AddScriptToEvaluateOnNewDocument, chromepage.AddScriptToEvaluateOnNewDocumentParams{
		Source: `const wait = window.setTimeout; window.setTimeout = (act, ms, ...rest) => wait(act, ms === 45_000 ? 2_000 : ms, ...rest)`,
	})
}

// A live page whose connection stays open, but brings nothing any more, says so and connects anew.
// A connection over which only heartbeats come is not silent.
func TestConsoleNoticesSilence(t *testing.T) {
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
