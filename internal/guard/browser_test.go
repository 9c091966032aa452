package guard_test

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/testneed"
)

//go:embed testdata/page.html
var page []byte

// attempts are those of testdata/page.html.
var attempts = []string{
	"beacon", "beaconBytes", "eventSource", "fetchBatch", "fetchBytes", "fetchCreate", "fetchList", "fetchNoCORS", "fetchOverride", "fetchRun",
	"fetchText", "form", "frame", "image",
	"sandboxedForm", "script", "style", "webSocket", "xhr",
}

// servePage is a web site with only the page.
func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page)
}

// target stands for the engine: it serves the page on / and accepts every request to the
// jobs.
type target struct {
	addr    string
	arrived recorder // at the listener
	reached recorder // behind the guard
}

// startTarget starts a target behind protect.
func startTarget(t *testing.T, protect func(http.Handler) http.Handler) *target {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", servePage)
	mux.HandleFunc("/v2/projects/demo/locations/us-east4/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "done: %s", r.Method)
	})
	tg := new(target)
	tg.addr = serve(t, tg.arrived.wrap(protect(tg.reached.wrap(mux))))
	return tg
}

// waitArrived waits until every attempt has arrived. Some attempts end for the page before
// they are sent (sendBeacon, a form in a frame).
func (tg *target) waitArrived(t *testing.T) {
	t.Helper()
	eventually.NoError(t, func() error {
		missing := slices.DeleteFunc(slices.Clone(attempts), func(name string) bool { return tg.arrived.count(name) > 0 })
		if len(missing) == 0 {
			return nil
		}
		return fmt.Errorf("attempts that have not arrived: %q", missing)
	})
}

// The browser resolves every .example name to this machine, as an attacker's name server
// can.
const resolverRules = "MAP *.example 127.0.0.1"

// startBrowser starts Chromium with an empty profile. The function it returns opens a tab.
func startBrowser(t *testing.T) (newTab func() context.Context) {
	t.Helper()
	path := testneed.Tool(t, "chromium")
	home := t.TempDir()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(home),
		chromedp.Env("HOME="+home),
		chromedp.NoSandbox, // for root; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", resolverRules),
		chromedp.Flag("no-proxy-server", true),
	)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
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
	return func() context.Context {
		tab, _ := chromedp.NewContext(browser) // closed with the browser
		return tab
	}
}

// attack lets the page at url make every attempt on tg, waits until all have arrived, and
// returns what the page learned from each.
func attack(tab context.Context, t *testing.T, url string, tg *target) map[string]string {
	t.Helper()
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	script := fmt.Sprintf("attack(%q)", "http://"+tg.addr)
	learned, err := chromedp.Run(tab, chromedp.Evaluate[map[string]string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("run the page at %s: %v", url, err)
	}
	if diff := cmp.Diff(attempts, slices.Sorted(maps.Keys(learned))); diff != "" {
		t.Fatalf("the page did not make the attempts that it should (-want +got):\n%s", diff)
	}
	tg.waitArrived(t)
	return learned
}

func TestBrowser(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	newTab := startBrowser(t)
	_, port, _ := net.SplitHostPort(serve(t, http.HandlerFunc(servePage)))
	protect := newGuard(t, guard.Config{}).Wrap
	unprotected := func(next http.Handler) http.Handler { return next }

	for _, host := range []string{"127.0.0.1", "localhost", "page.example"} {
		t.Run("page of "+host, func(t *testing.T) {
			testOtherPage(newTab(), t, "http://"+net.JoinHostPort(host, port), startTarget(t, protect))
		})
	}
	t.Run("own page", func(t *testing.T) {
		testOwnPage(newTab(), t, startTarget(t, protect))
	})
	t.Run("rebound name", func(t *testing.T) {
		testReboundName(newTab(), t, startTarget(t, protect))
	})
	// Without the guard every attempt comes through: the tests above can fail.
	t.Run("no guard", func(t *testing.T) {
		tg := startTarget(t, unprotected)
		attack(newTab(), t, "http://"+net.JoinHostPort("page.example", port), tg)
		if diff := cmp.Diff(attempts, tg.reached.names()); diff != "" {
			t.Errorf("without a guard other attempts come through (-want +got):\n%s", diff)
		}
	})
}

func testOtherPage(tab context.Context, t *testing.T, url string, tg *target) {
	t.Helper()
	for name, what := range attack(tab, t, url, tg) {
		if strings.HasPrefix(what, "read: ") {
			t.Errorf("%s: the page read an answer: %s", name, what)
		}
	}
	if got := tg.reached.names(); len(got) > 0 {
		t.Errorf("the page reached the handler by %q", got)
	}
}

func testOwnPage(tab context.Context, t *testing.T, tg *target) {
	t.Helper()
	learned := attack(tab, t, "http://"+tg.addr, tg)
	for name, want := range map[string]string{
		"fetchCreate": "read: 200 done: POST",
		"fetchRun":    "read: 200 done: POST",
		"fetchList":   "read: 200 done: GET",
	} {
		if count := tg.reached.count(name); learned[name] != want || count != 1 {
			t.Errorf("%s: the page learned %q and reached the handler %d times, want %q and once", name, learned[name], count, want)
		}
	}
}

func testReboundName(tab context.Context, t *testing.T, tg *target) {
	t.Helper()
	_, port, _ := net.SplitHostPort(tg.addr)
	if err := chromedp.Do(tab, chromedp.Navigate("http://rebind.example:"+port)); err != nil {
		t.Fatal(err)
	}
	text, err := chromedp.Run(tab, chromedp.Evaluate[string]("document.body.innerText"))
	if err != nil {
		t.Fatal(err)
	}
	if got := tg.reached.names(); len(got) > 0 || !strings.Contains(text, "--allow-host") {
		t.Errorf("the browser shows %q and reached the handler by %q, want the guard's refusal", text, got)
	}
}
