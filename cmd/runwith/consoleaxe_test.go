package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// axeFile is the file of axe-core, which npm ci --prefix cmd/runwith/testdata/axe installs.
var axeFile = filepath.Join("testdata", "axe", "node_modules", "axe-core", "axe.min.js")

// axeViolations checks a page, and returns each violation with the elements.
const axeViolations = `axe.run(document, {resultTypes: ["violations"]}).then((r) =>
	r.violations.map((v) => v.id + ": " + v.help + "\n" + v.nodes.map((n) => "  " + n.html + " " + n.failureSummary).join("\n")))`

// answers are pages that answer a form: how to get there, and what they then show.
func (w *world) answers(t *testing.T) map[string]struct{ path, button, shows string } {
	t.Helper()
	long := runwith.Request{Parameters: map[string]any{"object": "a"}, Overrides: runwith.Overrides{Env: map[string]string{"SLEEP": "10m"}}}
	return map[string]struct{ path, button, shows string }{
		"faults":      {"/jobs/reindex/start", "[data-start]", "It does not start like this"},
		"cancelled":   {"/invocations/cancel?id=" + w.start(t, "thumbnails", long) + "&id=" + w.start(t, "thumbnails", long) + "&id=" + w.failed, "main form button", "Back to the list"},
		"rerun":       {"/invocations/rerun?id=" + w.succeeded + "&id=" + w.lost, "main form button", "Back to the list"},
		"wrong-key":   {"/console/sign-in", "form.sign-in button", "the API key is incomplete"},
		"replayed":    {"/callbacks", "[action='/callbacks/endpoint/replay'] button", "are due again"},
		"not-retried": {"/events/" + w.refused, "form.actions button", "Back"},
	}
}

// everybody is a tab that checks pages with axe-core.
type everybody struct {
	*tab

	script string
}

func openToEverybody(t *testing.T, url string) *everybody {
	t.Helper()
	script, err := os.ReadFile(axeFile)
	if err != nil {
		testneed.Missing(t, "axe", err)
	}
	b := openTab(startBrowser(t), t, url)
	b.expect("status of 4")
	return &everybody{b, string(script) + "; 0"}
}

// each calls look in both themes, on a laptop and on a phone.
func (e *everybody) each(t *testing.T, look func(t *testing.T)) {
	t.Helper()
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1440, 360} {
			t.Run(fmt.Sprintf("%s %d", theme, width), func(t *testing.T) {
				e.theme(t, theme)
				e.size(t, width, 900)
				look(t)
			})
		}
	}
}

// check reports what people who use a keyboard, a screen reader, or little contrast could not use.
func (e *everybody) check(t *testing.T, name string) {
	t.Helper()
	evaluate[any](t, e.tab, e.script)
	for _, violation := range evaluate[[]string](t, e.tab, axeViolations) {
		t.Errorf("%s: %s", name, violation)
	}
}

// axe-core finds nothing on any page.
func TestConsoleIsForEverybody(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	w := startWorld(t)
	e := openToEverybody(t, w.url)
	pages := w.pages(t)
	e.each(t, func(t *testing.T) {
		for _, name := range slices.Sorted(maps.Keys(pages)) {
			e.open(t, pages[name])
			e.check(t, name)
		}
	})
}

// axe-core finds nothing on the pages that answer forms.
func TestConsoleAnswersEverybody(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	w := startWorld(t)
	e := openToEverybody(t, w.url)
	e.each(t, func(t *testing.T) {
		for name, answer := range w.answers(t) {
			e.open(t, answer.path)
			evaluate[any](t, e.tab, `window.before = true; if (document.getElementById("key")) document.getElementById("key").value = "rw_wrong"; 0`)
			e.click(t, answer.button)
			e.wait(t, "!window.before && document.readyState === 'complete'")
			e.waitForText(t, answer.shows)
			e.check(t, name)
		}
	})
}
