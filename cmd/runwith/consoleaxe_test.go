package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// axeFile is the file of axe-core, which npm ci --prefix cmd/runwith/testdata/axe installs.
var axeFile = filepath.Join("testdata", "axe", "node_modules", "axe-core", "axe.min.js")

// axeViolations checks a page, and returns each violation with the elements.
const axeViolations = `axe.run(document, {resultTypes: ["violations"]}).then((r) =>
	r.violations.map((v) => v.id + ": " + v.help + "\n" + v.nodes.map((n) => "  " + n.html + " " + n.failureSummary).join("\n")))`

// axe-core finds nothing on any page that people who use a keyboard, a screen reader, or little
// contrast could not use. It looks at each page in both themes, on a laptop and on a phone.
func TestConsoleIsForEverybody(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(axeFile)
	if err != nil {
		testneed.Missing(t, "axe", err)
	}
	w := startWorld(t)
	b := openTab(startBrowser(t), t, w.url)
	b.expect("status of 404")
	pages := w.pages(t)
	for _, theme := range []string{"light", "dark"} {
		b.theme(t, theme)
		for _, width := range []int64{1440, 360} {
			b.size(t, width, 900)
			for _, name := range slices.Sorted(maps.Keys(pages)) {
				b.open(t, pages[name])
				evaluate[any](t, b, string(script)+"; 0")
				for _, violation := range evaluate[[]string](t, b, axeViolations) {
					t.Errorf("%s (%s), %s, %d pixels wide: %s", name, pages[name], theme, width, violation)
				}
			}
		}
	}
}
