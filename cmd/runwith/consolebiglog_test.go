package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// gibVariable names an environment variable. If it is set, the log of TestConsoleBigLog has 1 GiB
// instead of 64 MiB. The test then takes about a minute, and 3 GB of disk.
const gibVariable = "RUNWITH_TEST_GIB"

// bigLog prints lines of about 100 bytes. The first error is a JSON line, and a later one, at two
// fifths, is on stderr.
const bigLog = `awk 'BEGIN { for (i = 0; i < %[1]d; i++) {
	print "line " i " of many lines, each as long as those that servers write all day, about a hundred bytes"
	if (i == 3000) print "{\"severity\":\"ERROR\",\"message\":\"a JSON error\"}"
	if (i == int(%[1]d * .4)) print "an error on stderr" > "/dev/stderr"
} }'`

// startBigLog runs a job with a log of some lines, and returns the invocation's ID.
func startBigLog(t *testing.T, lines int) (s *server, id string) {
	t.Helper()
	job := write(t, "print.yaml", "name: print\ntemplate: {template: {maxRetries: 0, containers: [{image: print, command: [sh, "+
		write(t, "print.sh", fmt.Sprintf(bigLog, lines))+"]}]}}\n")
	s = startUp(t, filepath.Join(t.TempDir(), "data"), "--max-log", fmt.Sprint(2<<30), "--job", job)
	id = s.print(t)
	s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateSucceeded })
	return s, id
}

// counters are what a tab has in memory.
type counters struct {
	heap  float64 // of JavaScript, in MiB
	nodes int64   // of all documents
}

func (b *tab) counters(t *testing.T) counters {
	t.Helper()
	devtools(t, b, heapprofiler.CollectGarbage, cdp.Empty{})
	dom, err := chromedp.Call(b, memory.GetDOMCounters, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return counters{evaluate[float64](t, b, "performance.memory.usedJSHeapSize") / (1 << 20), dom.Nodes}
}

// The page of a very large log opens at its end, finds its errors and what somebody looks for, and
// stays bounded. How long that takes is only reported.
func TestConsoleBigLog(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	lines := 64 << 20 / 102
	if os.Getenv(gibVariable) != "" {
		lines <<= 4
	}
	s, id := startBigLog(t, lines)
	b := openTab(startBrowser(t), t, s.url)
	began := time.Now()
	took := func(what string) {
		t.Logf("%s after %v", what, time.Since(began).Round(time.Millisecond))
		began = time.Now()
	}
	b.open(t, "/invocations/"+id+"/logs")
	b.waitForText(t, fmt.Sprintf("line %d ", lines-1), "The log is complete")
	took("open at the end")
	evaluate[int](t, b, watchFrames)
	first := b.counters(t)

	b.press(t, "e")
	b.wait(t, focused+`.includes("an error on stderr")`)
	b.waitForText(t, "This is the first error on stderr.")
	b.wait(t, `document.querySelectorAll(".line[data-stream=stdout]").length > 100`) // with the lines around it
	took("the first error on stderr")
	b.press(t, "e")
	b.wait(t, focused+`.includes("a JSON error")`)
	took("the first error")

	b.press(t, "G")
	b.waitForText(t, fmt.Sprintf("line %d ", lines-1))
	b.press(t, "/")
	b.press(t, fmt.Sprintf("line %d ", lines-8000))
	b.press(t, "\u001b")
	b.press(t, "N")
	b.wait(t, fmt.Sprintf("%s.includes(%q)", focused, fmt.Sprintf("line %d ", lines-8000)))
	took("a hit 8,000 lines before the end")
	b.press(t, "g")
	b.waitForText(t, "line 0 ", "There are later lines")
	b.press(t, "/")
	evaluate[any](t, b, `document.getElementById("log-search").select()`)
	b.press(t, "is nowhere\r")
	b.waitForText(t, "Search: ", " lines read. Escape stops.")
	b.wait(t, `parseInt(document.getElementById("log-hunt").textContent.replace(/\D/g, "")) > 20000`)
	b.press(t, "\u001b")
	b.waitForText(t, "Stopped.")
	took("20,000 lines searched")

	f, last := evaluate[[]float64](t, b, frames), b.counters(t)
	t.Logf("%d lines; %.0f frames: half of them within %.0f ms, 99 %% within %.0f ms, the longest %.0f ms; heap %.0f MiB, then %.0f; %d nodes, then %d",
		lines, f[0], f[1], f[2], f[3], first.heap, last.heap, first.nodes, last.nodes)
	if n := evaluate[int](t, b, `document.querySelectorAll(".line").length`); n > 5600 {
		t.Errorf("the page has %d lines, want at most 5,600", n)
	}
	if last.heap > 128 || last.nodes > 100_000 {
		t.Errorf("the tab has %.0f MiB and %d nodes, want at most 128 and 100,000", last.heap, last.nodes)
	}
}
