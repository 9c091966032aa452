package main

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith/internal/testneed"
)

// The article's run in a browser: a job is started with an argument through the form, and its output
// arrives while it runs. Then the invocation is started again with another argument.
func TestConsoleRunsTheArticle(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startPrinting(t, `echo "ARG: $0"; sleep 2; echo "still running"; sleep 600`)
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/jobs/print/start")
	b.fillArguments(t, "arg-1")
	b.click(t, "[data-start]")
	b.waitForText(t, "The job was started.", "running")
	b.click(t, "[data-key=l]")
	b.waitForText(t, "ARG: arg-1", "still running") // the second line comes later

	b.open(t, "/start?rerun="+s.starts(t)[0].ID)
	b.wait(t, "document.getElementById('c0.arg.0').value === 'arg-1'")
	b.do(t, chromedp.SetValue(chromedp.CSS("[id='c0.arg.0']"), "arg-2"))
	b.click(t, "[data-start]")
	b.waitForText(t, "The job was started.")
	all := s.starts(t)
	if len(all) != 2 || all[0].RerunOf != all[1].ID || all[0].Request.Overrides.Args[0] != "arg-2" {
		t.Errorf("%d invocations, the newest with %+v of %s; want a second one with arg-2 that knows the first", len(all), all[0].Request, all[0].RerunOf)
	}
}
