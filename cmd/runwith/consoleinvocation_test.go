package main

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// The page of an invocation follows it to its end, and leads to the one that runs it again.
func TestConsoleFollowsAnInvocation(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	id := s.start(t)
	s.firstLine(t, id)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations/"+id)
	b.wait(t, `document.querySelector("main[data-live] .head .state").textContent === "running"`)
	s.release(t)
	b.wait(t, `document.querySelector(".head .state").textContent === "succeeded"`)
	b.waitForText(t, "exit code 0", "before the free tier")
	b.wait(t, `!document.querySelector("main").hasAttribute("data-live")`)

	b.press(t, "r")
	b.waitForText(t, "Run 1 invocation again?")
	b.confirm(t)
	b.wait(t, `/^.invocations.[0-9a-f-]+$/.test(location.pathname) && !location.pathname.endsWith("`+id+`")`)
	again := evaluate[string](t, b, `location.pathname.split("/").pop()`)
	s.waitFor(t, again, func(i *runwith.Invocation) bool { return i.RerunOf == id })
	b.open(t, "/invocations/"+id)
	b.wait(t, `document.querySelector("a[href$='`+again+`']")`)
}

// What only works with JavaScript stays on a live page when its content changes.
func TestConsoleKeepsItsCopyButtons(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	id := s.start(t)
	s.firstLine(t, id)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations/"+id)
	b.wait(t, `document.querySelector("main[data-live] .head .state").textContent === "running"`)
	s.release(t)
	b.wait(t, `document.querySelector(".head .state").textContent === "succeeded"`)
	b.click(t, "[data-copy=command]")
	b.wait(t, `["Copied", "Selected"].includes(document.querySelector("[data-copy=command]").textContent)`)
}

// Cancelling works without JavaScript, after a page that asks.
func TestConsoleCancelsWithoutJavaScript(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	id := s.start(t)
	s.firstLine(t, id)
	b := openTab(startBrowser(t), t, s.url)
	b.withoutJavaScript(t)
	b.open(t, "/invocations/"+id)
	b.click(t, ".head .danger")
	b.waitForText(t, "Cancel 1 invocation?")
	b.click(t, "main form .danger")
	b.waitForText(t, "The cancel was requested.")
	s.waitFor(t, id, func(i *runwith.Invocation) bool { return i.State == runwith.StateCancelled })
}

// navigation is what the browser has measured of its page.
const navigation = `performance.getEntriesByType("navigation")[0]`

func milliseconds(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// A page shows 10,000 tasks, and each cell says which task it is. How long that takes depends on
// what else the machine does, so it is only reported; it should be 300 ms at most. The tasks' program
// does not exist, because 10,000 processes would take half a minute.
func TestConsoleShowsTenThousandTasks(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	job := filepath.Join(t.TempDir(), "many.yaml")
	file := "name: many\ntemplate: {taskCount: 10000, template: {maxRetries: 0, containers: [{image: test-job, command: [missing]}]}}\n"
	if err := os.WriteFile(job, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startUp(t, t.TempDir(), "--job", job, "--image", "test-job=true")
	i, err := s.client().Start(t.Context(), "many", "many", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.waitFor(t, i.ID, func(i *runwith.Invocation) bool { return i.State == runwith.StateFailed })
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/invocations/"+i.ID)
	b.wait(t, `document.querySelectorAll("#grid li").length === 1000`) // ten tasks each
	b.wait(t, "!document.querySelector('main[data-live]')")            // or it would load again by itself, once the usage is known
	answered, loaded := time.Hour, time.Hour
	for range 5 {
		b.open(t, "/invocations/"+i.ID)
		b.wait(t, navigation+".loadEventEnd > 0")
		answered = min(answered, milliseconds(evaluate[float64](t, b, navigation+".responseEnd")))
		loaded = min(loaded, milliseconds(evaluate[float64](t, b, navigation+".loadEventEnd")))
	}
	t.Logf("the page with 10,000 tasks was answered in %v, and loaded in %v", answered, loaded)
	const item = "#grid > ol:nth-child(44) > li:nth-child(3)" // 4320–4329
	at := b.middle(t, item)
	cell := at[0] - 38 // the second cell: each takes 11 pixels
	b.do(t, chromedp.MouseEvent("mouseMoved", cell, at[1]))
	b.wait(t, "document.querySelector("+strconv.Quote(item)+`).title === "Task 4321: failed"`)
	b.do(t, chromedp.MouseClickXY(cell, at[1]))
	b.wait(t, `new URL(location).searchParams.get("task") === "4321"`)
	b.waitForText(t, `"missing" was not found`)
}
