package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// Texts from right to left: Hebrew with a Latin word and a number, Arabic with its own digits and
// brackets, and Hebrew with the marks that turn the direction of the rest.
const (
	hebrew  = "שלום world 42, בדיקה של שורה ארוכה (א–ת)!"
	arabic  = "مرحبا بالعالم: ٣٤٥ [ملف] a/b"
	turning = "\u202eשלום\u202c \u2067מבחן\u2069 \u200f42"
)

const rightToLeftConfig = `
jobs:
  hold:
    title: "HEBREW"
    description: "ARABIC"
    parameters:
      customer: {type: string, title: "HEBREW", description: "ARABIC"}
      mode: {type: string, enum: ["HEBREW", "ARABIC"], default: "ARABIC"}
    args: ["{customer}", "{mode}"]
    allow: {env: [TOKEN]}
    concurrency: {key: "{customer}", limit: 1, overflow: queue}
`

// startRightToLeft starts a server on which one invocation runs and one waits, with texts from
// right to left in each place that takes them. It returns their IDs.
func startRightToLeft(t *testing.T) (s *server, running, queued string) {
	t.Helper()
	config := write(t, "runwith.yaml", strings.NewReplacer("HEBREW", hebrew, "ARABIC", arabic).Replace(rightToLeftConfig))
	s = startHolding(t, "--config", config)
	start := func(key string) string {
		i, err := s.client().Start(t.Context(), "hold", key, &runwith.Request{
			Parameters: map[string]any{"customer": hebrew + turning, "mode": arabic}, Labels: map[string]string{"tenant": arabic + turning},
			Overrides: runwith.Overrides{Env: map[string]string{"TOKEN": turning}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return i.ID
	}
	running = start("1")
	s.firstLine(t, running)
	queued = start("2")
	s.waitFor(t, queued, func(i *runwith.Invocation) bool { return i.Waiting != nil })
	return s, running, queued
}

// unisolated are the texts from right to left that could turn the words around them: they are in
// no element that isolates them.
const unisolated = `(() => {
	const found = [], nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (nodes.nextNode()) {
		const n = nodes.currentNode;
		if (/[\p{sc=Hebr}\p{sc=Arab}]/u.test(n.data) && !n.parentElement.closest("bdi, pre[dir], [dir=auto], option, textarea, svg title")) found.push(n.parentElement.outerHTML.slice(0, 200));
		if (/[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/.test(n.data) && !n.parentElement.closest("textarea")) found.push("a mark is obeyed: " + n.parentElement.outerHTML.slice(0, 200));
	}
	return found;
})()`

// outside are the elements that reach over the window's left or right side, except in boxes that
// scroll and the ones that only screen readers find.
const outside = `[...document.querySelectorAll("body *")].filter((e) => {
	const r = e.getBoundingClientRect();
	return r.width > 1 && (r.left < -1 || r.right > innerWidth + 1) && !e.closest(".scroll, pre, nav, .unseen, .skip, .log, .preview");
}).slice(0, 5).map((e) => e.outerHTML.slice(0, 150))`

// Texts from right to left stay in their places, turn nothing around them, and make no page wider
// than its window, also if a browser extension turns the whole page.
func TestConsoleRightToLeft(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s, running, queued := startRightToLeft(t)
	pages := []string{
		"/", "/invocations", "/invocations/" + running, "/invocations/" + queued, "/jobs", "/jobs/hold", "/start", "/jobs/hold/start",
		"/start?rerun=" + running, "/invocations/cancel?id=" + running, "/usage?by=label&label=tenant", "/engine",
	}
	b := openTab(startBrowser(t), t, s.url)
	for _, width := range []int64{1440, 360} {
		b.size(t, width, 900)
		for _, path := range pages {
			b.open(t, path)
			for _, text := range evaluate[[]string](t, b, unisolated) {
				t.Errorf("%s, %d pixels wide: %s", path, width, text)
			}
			for _, dir := range []string{"ltr", "rtl"} {
				evaluate[any](t, b, fmt.Sprintf("document.documentElement.dir = %q", dir))
				if wide := evaluate[[]string](t, b, outside); len(wide) > 0 {
					t.Errorf("%s, %s, %d pixels wide: outside is %s", path, dir, width, wide)
				}
			}
		}
	}
}

// A job runs from the form with a value from right to left, and gets exactly that.
func TestConsoleStartsWithAValueFromRightToLeft(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s, _, _ := startRightToLeft(t)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/jobs/hold/start")
	b.do(t, chromedp.SendKeys(chromedp.CSS("[id='p.customer']"), hebrew))
	b.do(t, chromedp.SetValue(chromedp.CSS("[id='p.mode']"), hebrew))
	if direction := evaluate[string](t, b, `getComputedStyle(document.getElementById("p.customer")).direction`); direction != "rtl" {
		t.Errorf("the field goes %s, want rtl", direction)
	}
	b.click(t, "[data-start]")
	b.waitForText(t, "The job was started.")
	if got := s.starts(t)[0].Request.Parameters; got["customer"] != hebrew || got["mode"] != hebrew {
		t.Errorf("parameters %q, want %q", got, hebrew)
	}
}
