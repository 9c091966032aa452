package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/testneed"
)

// starts returns the invocations of a server, newest first.
func (s *server) starts(t *testing.T) (all []*runwith.Invocation) {
	t.Helper()
	for i, err := range s.client().Invocations(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, i)
	}
	return all
}

// fillArguments replaces the job's arguments in the form. The form is the one of test-job.
func (b *tab) fillArguments(t *testing.T, argument string) {
	t.Helper()
	b.click(t, "[id='c0.replace']")
	b.do(t, chromedp.SendKeys(chromedp.CSS("[id='c0.arg.0']"), argument))
}

// A visitor starts a job with other arguments, sees the request before, and then its invocation.
// Going back and sending the same form starts nothing; sending another one does.
func TestConsoleStartsAJob(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/jobs/test-job/start")
	b.fillArguments(t, "--tenant=acme")
	b.wait(t, "document.getElementById('request').textContent.includes('--tenant=acme')")
	b.press(t, "\t")
	evaluate[any](t, b, `for (const _ of [1, 2]) document.querySelector("[data-start]").click(); 0`)
	b.wait(t, "location.pathname.startsWith('/invocations/')")
	b.waitForText(t, "The job was started.")
	all := s.starts(t)
	if len(all) != 1 || strings.Join(all[0].Request.Overrides.Args, " ") != "--tenant=acme" {
		t.Fatalf("%d invocations with %+v, want one with the argument", len(all), all[0].Request)
	}

	evaluate[any](t, b, "history.back(); 0")
	b.wait(t, "document.querySelector('[data-start]') && document.getElementById('c0.arg.0').value.includes('acme')")
	b.click(t, "[data-start]")
	b.waitForText(t, "This form had started the job before")
	if all := s.starts(t); len(all) != 1 {
		t.Fatalf("%d invocations after the form was sent again, want 1", len(all))
	}
}

// The form works without JavaScript: it gets more rows, shows a preview, and starts the job.
func TestConsoleStartsAJobWithoutJavaScript(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	b := openTab(startBrowser(t), t, s.url)
	b.withoutJavaScript(t)
	b.open(t, "/jobs/test-job/start")
	b.fillArguments(t, "plain")
	b.click(t, "[name=add][value='c0.arg']")
	b.wait(t, "document.getElementById('c0.arg.2') && document.getElementById('c0.arg.0').value === 'plain'")
	evaluate[bool](t, b, "window.before = true") // the page before has the request too
	b.click(t, "[data-refresh]")
	b.wait(t, "!window.before && document.readyState === 'complete' && document.getElementById('request').textContent.includes('plain')")
	if all := s.starts(t); len(all) != 0 {
		t.Fatalf("%d invocations after a preview, want none", len(all))
	}
	b.click(t, "[data-start]")
	b.wait(t, "location.pathname.startsWith('/invocations/')")
	if all := s.starts(t); len(all) != 1 || strings.Join(all[0].Request.Overrides.Args, " ") != "plain" {
		t.Errorf("%d invocations, want one with the argument", len(all))
	}
}
