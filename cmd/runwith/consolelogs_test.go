package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	chromepage "github.com/chromedp/cdproto/page"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// startPrinting starts a server with the job print, whose task runs a shell script.
func startPrinting(t *testing.T, script string) *server {
	t.Helper()
	dir := t.TempDir()
	job := filepath.Join(dir, "print.yaml")
	text := "name: print\ntemplate: {template: {maxRetries: 0, containers: [{image: print, command: [sh, -c, " + strconv.Quote(script) + "]}]}}\n"
	if err := os.WriteFile(job, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return startUp(t, filepath.Join(dir, "data"), "--job", job)
}

// print starts print, and returns the ID of the invocation.
func (s *server) print(t *testing.T) string {
	t.Helper()
	i, err := s.client().Start(t.Context(), "print", rand.Text(), &runwith.Request{})
	if err != nil {
		t.Fatal(err)
	}
	return i.ID
}

// shownLines is the texts of the lines on a page.
const shownLines = `[...document.querySelectorAll(".line bdi")].map((e) => e.textContent)`

const hostile = `printf '<script>document.title="owned"</script>\n'
printf '\342\200\256evil \001\177 \377\n'
printf '\r 1 %%\r 50 %%\r100 %%\n'
printf '\033[31mred\033[0m \033[38;2;255;255;0myellow\033[0m\n'
echo '{"severity":"ERROR","message":"could not open it","path":"/x"}'
head -c 1000000 /dev/zero | tr '\0' x; echo
echo last`

// What a task prints is shown and obeyed nowhere: tags, directions, control characters, broken
// UTF-8, progress bars, and a line of a megabyte. The download has all of it.
func TestConsoleShowsHostileOutput(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startPrinting(t, hostile)
	id := s.print(t)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations/"+id+"/logs")
	b.waitForText(t, "The log is complete", "last")
	shown := evaluate[[]string](t, b, shownLines)
	want := []string{`<script>document.title="owned"</script>`, "⟨U+202E⟩evil ␁␡ \ufffd", "100 %", "red yellow", "could not open it"}
	if diff := cmp.Diff(want, shown[:len(want)]); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if long := len(shown[len(want)]); long != 10_000 {
		t.Errorf("a long line shows %d characters, want 10,000", long)
	}
	b.click(t, ".fold[aria-expanded=false]")
	b.waitForText(t, "1 %")
	b.press(t, "e")
	b.wait(t, focused+`.includes("could not open it")`)
	if title := evaluate[string](t, b, "document.title"); title != "Logs of print · runwith" {
		t.Errorf("the title is %q: a line was obeyed", title)
	}
	checkDownload(t, s.url+"/invocations/"+id+"/logs/download")
}

func checkDownload(t *testing.T, url string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	h := response.Header
	if kind := h.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
		t.Errorf("the download is %s, %q, want a file of text", kind, h.Get("Content-Disposition"))
	}
	if n := bytes.Count(body, []byte("x")); n < 1_000_000 || !bytes.HasPrefix(body, []byte("<script>document.title")) {
		t.Errorf("the download begins with %.40q and has %d of a million characters", body, n)
	}
}

// contrasts returns the lowest contrast of the coloured texts on the page with their ground.
const contrasts = `(() => {
	const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
	const light = (css) => {
		canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
		const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4));
		return .2126 * r + .7152 * g + .0722 * b;
	};
	const panel = getComputedStyle(document.querySelector(".log")).backgroundColor;
	let low = [99, ""];
	for (const e of document.querySelectorAll(".sgr")) {
		const style = getComputedStyle(e);
		const ground = style.backgroundColor === "rgba(0, 0, 0, 0)" ? panel : style.backgroundColor;
		const [a, b] = [light(style.color), light(ground)].sort((x, y) => y - x);
		const contrast = (a + .05) / (b + .05);
		if (contrast < low[0]) low = [contrast, e.textContent + " " + style.color + " on " + ground];
	}
	return low[0].toFixed(2) + " " + low[1];
})()`

// colours prints each of the 16 colours as text on each of them as ground, the others of 256, and
// all of them inverse.
const colours = `awk 'BEGIN {
	for (t = 0; t < 16; t++) { for (g = 0; g < 16; g++) printf "\033[38;5;%d;48;5;%dm%d-%d\033[0m ", t, g, t, g; print "" }
	for (c = 0; c < 256; c++) printf "\033[38;5;%dmt%d\033[0m \033[48;5;%dmg%d\033[0m \033[7;38;5;%dmi%d\033[0m \033[7;48;5;%dmj%d\033[0m\n", c, c, c, c, c, c, c, c
	print "printed" }'`

// Text in the colours of a task can be read in both themes.
func TestConsoleColoursAreReadable(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startPrinting(t, colours)
	id := s.print(t)
	b := openTab(startBrowser(t), t, s.url)
	for _, theme := range []string{"light", "dark"} {
		b.theme(t, theme)
		b.open(t, "/invocations/"+id+"/logs")
		b.waitForText(t, "The log is complete", "printed")
		low := evaluate[string](t, b, contrasts)
		contrast, err := strconv.ParseFloat(strings.Fields(low)[0], 64)
		if err != nil || contrast < 4.5 {
			t.Errorf("in the %s theme, the lowest contrast is %s, want 4.5", theme, low)
		}
		t.Logf("%s theme: the lowest contrast is %s", theme, low)
	}
}

// noticeSilenceSoon lets the further pages of a tab notice a silent connection after two seconds
// instead of three heartbeats.
func (b *tab) noticeSilenceSoon(t *testing.T) {
	t.Helper()
	devtools(t, b, chromepage.AddScriptToEvaluateOnNewDocument, chromepage.AddScriptToEvaluateOnNewDocumentParams{
		Source: `const wait = window.setTimeout; window.setTimeout = (act, ms, ...rest) => wait(act, ms === 45_000 ? 2_000 : ms, ...rest)`,
	})
}

// A connection that breaks or goes silent again and again, while tasks print, loses no line and
// doubles none.
func TestConsoleLogGoesOn(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startPrinting(t, `i=0; while test $i -lt 60; do awk -v n=$i 'BEGIN { for (k = 0; k < 50; k++) print "line " n * 50 + k }'; i=$((i + 1)); sleep 0.1; done`)
	p := startProxy(t, s.addr())
	b := openTab(startBrowser(t), t, p.url())
	b.expect("net::ERR_")
	b.noticeSilenceSoon(t)
	id := s.print(t) // not before, or the first lines are not among the last ones
	b.open(t, "/invocations/"+id+"/logs")
	for _, failure := range []struct {
		at  string
		how func()
	}{{"line 500", p.cut}, {"line 1200", p.hush}, {"line 1900", p.cut}} {
		b.waitForText(t, failure.at)
		failure.how()
	}
	b.waitForText(t, "The log is complete")
	shown := evaluate[[]string](t, b, shownLines)
	first := 0 // a page that loads late begins further on
	if _, err := fmt.Sscanf(shown[0], "line %d", &first); err != nil || first > 500 || first+len(shown) != 3000 {
		t.Fatalf("the page shows %d lines from %q on, want all until line 2999", len(shown), shown[0])
	}
	for n, text := range shown {
		if want := fmt.Sprintf("line %d", first+n); text != want {
			t.Fatalf("line %d is %q, want %q", n, text, want)
		}
	}
}

// A log larger than the window: it begins at the end, and the beginning, earlier lines and hits
// of a search are loaded when somebody wants them.
func TestConsoleLogOfManyLines(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startPrinting(t, `awk 'BEGIN { for (i = 0; i < 12000; i++) { print "line " i; if (i == 6000) print "a needle" > "/dev/stderr" } }'`)
	id := s.print(t)
	if _, err := s.client().Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations/"+id+"/logs")
	b.waitForText(t, "line 11999", "The log is complete")
	b.click(t, "#log-earlier")
	b.wait(t, `document.querySelectorAll(".line").length >= 2000`) // more if the page was scrolled to the button
	b.press(t, "g")
	b.waitForText(t, "This is the first line.", "There are later lines")
	b.wait(t, `document.getElementById("log-lines").textContent.includes("line 4998")`)
	b.press(t, "G")
	b.waitForText(t, "line 11999")
	b.press(t, "e")
	b.wait(t, focused+`.includes("a needle")`)
	b.press(t, "G")
	b.waitForText(t, "line 11999")
	b.press(t, "/")
	b.press(t, "line 8000")
	b.press(t, "\u001b")
	b.press(t, "N")
	b.wait(t, focused+`.includes("line 8000")`)
	if n := evaluate[int](t, b, `document.querySelectorAll(".line").length`); n > 5100 {
		t.Errorf("the page has %d lines, want at most 5,100", n)
	}

	// The window is empty at first, and an event of an earlier scroll may still come.
	if follows := evaluate[string](t, b, `(() => {
		document.getElementById("log-start").click();
		for (const _ of "12") document.getElementById("log").dispatchEvent(new Event("scroll"));
		return document.getElementById("log-follow").ariaPressed;
	})()`); follows != "false" {
		t.Errorf("at its start, the log is followed: %s, want false", follows)
	}
	b.waitForText(t, "This is the first line.", "There are later lines")
}

// watchFrames measures the time between frames, and long tasks.
const watchFrames = `window.gaps = []; window.tasks = [];
	new PerformanceObserver((l) => tasks.push(...l.getEntries().map((e) => e.duration))).observe({entryTypes: ["longtask"]});
	(function next(last) { requestAnimationFrame((now) => { if (last) gaps.push(now - last); next(now); }); })(0); 0`

const frames = `(() => {
	gaps.sort((a, b) => a - b);
	return [gaps.length, gaps[Math.floor(gaps.length * .5)], gaps[Math.floor(gaps.length * .99)], gaps.at(-1), Math.max(0, ...tasks)];
})()`

// A page stays bounded while tasks print 5,000 lines a second. How long its frames take depends on
// what else the machine does, so they are only reported; none should take over 200 ms.
func TestConsoleLogFlood(t *testing.T) {
	testneed.Long(t)
	s := startPrinting(t, `i=0; while test $i -lt 100; do awk -v n=$i 'BEGIN { for (k = 0; k < 500; k++) print "\033[32mok\033[0m line " n * 500 + k " of many lines of an ordinary length" }'; i=$((i + 1)); sleep 0.09; done; echo over`)
	id := s.print(t)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations/"+id+"/logs")
	b.waitForText(t, "of many lines")
	evaluate[int](t, b, watchFrames)
	most := 0
	eventually.True(t, "the log is complete", func() bool {
		most = max(most, evaluate[int](t, b, `document.querySelectorAll(".line").length`))
		return evaluate[bool](t, b, `document.getElementById("log-status").textContent.includes("complete")`)
	})
	b.waitForText(t, "over")
	f := evaluate[[]float64](t, b, frames)
	heap := evaluate[float64](t, b, "performance.memory.usedJSHeapSize") / (1 << 20)
	t.Logf("%.0f frames: half of them within %.0f ms, 99 %% within %.0f ms, the longest %.0f ms, the longest task %.0f ms; at most %d lines, heap %.0f MiB",
		f[0], f[1], f[2], f[3], f[4], most, heap)
	if most > 5600 {
		t.Errorf("the page has %d lines, want at most 5,600", most)
	}
}

// Without JavaScript, a log is a page with the last lines, and links to earlier ones.
// The pause gives its last line, on the other stream, the last place.
func TestConsoleLogWithoutJavaScript(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startPrinting(t, `awk 'BEGIN { for (i = 0; i < 1200; i++) print "line " i }'; sleep 2; echo problem >&2`)
	id := s.print(t)
	if _, err := s.client().Wait(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b := openTab(startBrowser(t), t, s.url)
	b.withoutJavaScript(t)
	b.open(t, "/invocations/"+id+"/logs")
	b.waitForText(t, "problem")
	for _, want := range []struct {
		first string
		count int
	}{{"line 701", 500}, {"line 201", 500}, {"line 0", 201}} {
		b.wait(t, fmt.Sprintf(`document.readyState === "complete" && document.querySelector(".line bdi")?.textContent === %q`, want.first))
		if n := len(evaluate[[]string](t, b, shownLines)); n != want.count {
			t.Errorf("the page from %s has %d lines, want %d", want.first, n, want.count)
		}
		if want.count == 500 {
			b.click(t, ".pager a")
		}
	}
	b.open(t, "/invocations/"+id+"/logs?lines=100&stream=stderr")
	if diff := cmp.Diff([]string{"problem"}, evaluate[[]string](t, b, shownLines)); diff != "" {
		t.Errorf("lines of stderr (-want +got):\n%s", diff)
	}
}
