package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// hostileTexts are texts that callers and tasks may send.
func hostileTexts() []string {
	return []string{
		`<script>window.ran = 1</script><img src=x onerror="window.ran = 1">`, `"'><svg onload=window.ran=1>`,
		"\u202eright to left\u2066", "\x1b[31mred\x07\x00\u0085", strings.Repeat("x", 20_000), strings.Repeat("漢", 5_000),
	}
}

// Whatever callers and tasks send, no page is wider than its window, and nothing of it runs.
func TestConsoleTakesHostileText(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	w := startWorld(t)
	var paths []string
	for n, text := range hostileTexts() {
		printed := strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, text)
		id := w.start(t, "thumbnails", runwith.Request{
			Parameters: map[string]any{"object": printed[:min(len(printed), 3_000)]}, Labels: map[string]string{"tenant": string([]rune(printed)[:min(len([]rune(printed)), 60)])},
			Overrides: runwith.Overrides{Env: map[string]string{"FAIL": strings.ReplaceAll(text, "\x00", "")}},
		})
		w.settle(t, id)
		paths = append(paths, "/invocations/"+id, "/invocations/"+id+"/logs?lines=500", "/start?rerun="+id)
		if n == 0 {
			paths = append(paths, "/invocations/cancel?id="+id, "/invocations?job=%3Cscript%3E&state=%E2%80%AE", "/console/"+strings.Repeat("y", 3000), "/jobs/"+strings.Repeat("z", 3000))
		}
	}
	paths = append(paths, "/", "/invocations", "/usage?by=label&label=tenant", "/engine", "/callbacks", "/events")
	b := openTab(startBrowser(t), t, w.url)
	b.expect("status of 40")
	for _, width := range []int64{360, 1440} {
		b.size(t, width, 900)
		for _, path := range paths {
			b.open(t, path)
			if got := evaluate[int64](t, b, "document.documentElement.scrollWidth"); got > width {
				wide := evaluate[[]string](t, b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > %d).slice(0, 6).map((e) => e.outerHTML.slice(0, 150))`, width))
				t.Errorf("%.80s is %d pixels wide in a window of %d: %s", path, got, width, slices.Compact(wide))
			}
			if evaluate[bool](t, b, "window.ran === 1") {
				t.Errorf("%.80s ran a script of a caller", path)
			}
		}
	}
}
