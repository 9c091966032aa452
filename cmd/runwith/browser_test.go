package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/testneed"
)

//go:embed testdata/page.html
var page []byte

// apiRequest is what a page would like to ask for.
type apiRequest struct {
	Method string  `json:"method"`
	URL    string  `json:"url"`
	Body   *string `json:"body,omitempty"`
}

// wishes are a new job, an execution, an invocation, and both lists of jobs.
func wishes(server string) []apiRequest {
	const job = `{"template":{"template":{"containers":[{"image":"evil","command":["true"]}]}}}`
	jobs := server + "/v2/" + parent + "/jobs"
	return []apiRequest{
		{"POST", jobs + "?jobId=evil", new(job)},
		{"POST", jobs + "/test-job:run", new("{}")},
		{"POST", server + "/api/v1/jobs/test-job/invocations", new("{}")},
		{"GET", jobs, nil},
		{"GET", server + "/api/v1/jobs", nil},
	}
}

// A page of another origin, open in a browser on the developer's machine, can
// neither create a job, nor run one, nor read an answer.
func TestBrowser(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	asked := wishes(s.url)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	}))
	t.Cleanup(web.Close)

	if read := attack(startBrowser(t), t, web.URL, asked); len(read) > 0 {
		t.Errorf("the page read %q", read)
	}
	if diff := cmp.Diff(effect{jobs: 1}, s.effect(t), cmp.AllowUnexported(effect{})); diff != "" {
		t.Errorf("what the page has brought about (-want +got):\n%s", diff)
	}

	// The same requests do all that when no page sends them: the test can fail.
	for _, r := range asked {
		r.send(t)
	}
	if diff := cmp.Diff(effect{jobs: 2, executions: 2, invocations: 1}, s.effect(t), cmp.AllowUnexported(effect{})); diff != "" {
		t.Errorf("what the requests of a program bring about (-want +got):\n%s", diff)
	}
}

// A browser at a server's address shows the console, and without one a page with links.
func TestBrowserAtTheRoot(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	with, without := startUp(t, t.TempDir()), startUp(t, t.TempDir(), "--no-console")
	browser := startBrowser(t)
	for _, test := range []struct{ url, shown string }{
		{with.url, "Overview"},
		{without.url, "Invocations, newest first /api/v1/invocations"},
		{without.url, "Executions /v2/projects/demo/locations/us-east4/jobs/-/executions"},
	} {
		if err := chromedp.Do(browser, chromedp.Navigate(test.url)); err != nil {
			t.Fatal(err)
		}
		shown, err := chromedp.Run(browser, chromedp.Evaluate[string](`document.title + "\n" + document.body.innerText`))
		if err != nil {
			t.Fatal(err)
		}
		has(t, shown, "runwith", test.shown)
	}
}

// send sends the request as curl does.
func (r apiRequest) send(t *testing.T) {
	t.Helper()
	var body io.Reader
	if r.Body != nil {
		body = strings.NewReader(*r.Body)
	}
	request, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode/100 != 2 {
		t.Fatalf("%s %s = %s %s, %v", r.Method, r.URL, response.Status, text, err)
	}
}

// effect is what there is on a server.
type effect struct{ jobs, executions, invocations int }

// effect counts, after the invocations have settled and so have executions.
func (s *server) effect(t *testing.T) (e effect) {
	t.Helper()
	for _, err := range s.client().Jobs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		e.jobs++
	}
	var ids []string
	for invocation, err := range s.client().Invocations(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, invocation.ID)
	}
	for _, id := range ids {
		if _, err := s.client().Wait(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	e.invocations = len(ids)
	e.executions = len(s.executions(t, "test-job"))
	return e
}

// attack has the page at url send the requests, and returns what it could read.
func attack(browser context.Context, t *testing.T, url string, requests []apiRequest) []string {
	t.Helper()
	list, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(browser, chromedp.Navigate(url)); err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	read, err := chromedp.Run(browser, chromedp.Evaluate[[]string](fmt.Sprintf("attack(%s)", list), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("run the page: %v", err)
	}
	return read
}

// startBrowser starts Chromium with an empty profile and one tab. It takes Chromium's headless shell
// if there is one, which needs half as long. It shows all tabs at once, as if each had a window.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	if path, err := exec.LookPath("chromium-headless-shell"); err == nil {
		return startChromium(t, path)
	}
	return startWindows(t)
}

// startWindows starts Chromium itself, which shows one tab of a window and hides the others.
func startWindows(t *testing.T) context.Context {
	t.Helper()
	return startChromium(t, testneed.Tool(t, "chromium"))
}

func startChromium(t *testing.T, path string) context.Context {
	t.Helper()
	home := t.TempDir()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(home),
		chromedp.Env("HOME="+home),
		chromedp.NoSandbox, // for root; the page is our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
	)
	// This is longer than a test of all pages takes on a busy machine. Each wait has a limit of its
	// own, with a message that says more.
	ctx, cancel := context.WithTimeout(context.Background(), 20*patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	browser, _ := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil { // waits for its end
			t.Errorf("end chromium: %v", err)
		}
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return browser
}
