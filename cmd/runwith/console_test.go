package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	emulate "github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// tab is a tab of a browser at a console. A test fails if a page reports an error, throws an
// exception, or breaks the content security policy.
type tab struct {
	context.Context
	url string

	mu       sync.Mutex
	faults   []string
	expected []string
}

// openTab opens a tab for the console at url, as wide as a laptop. browser comes from
// [startBrowser].
func openTab(browser context.Context, t *testing.T, url string) *tab {
	t.Helper()
	ctx, _ := chromedp.NewContext(browser)
	b := &tab{Context: ctx, url: url}
	if err := errors.Join(chromedp.Do(ctx), chromedp.Listen(ctx, b.heard)); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	t.Cleanup(func() { b.check(t); _ = chromedp.Cancel(ctx) })
	devtools(t, b, log.Enable, cdp.Empty{})
	b.size(t, 1440, 900)
	return b
}

// devtools sends a command of the DevTools protocol.
func devtools[P, R any](t *testing.T, b *tab, c cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b, c, params); err != nil {
		t.Fatalf("%s: %v", c.Method, err)
	}
}

// heard keeps what a page reports.
func (b *tab) heard(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		d := e.ExceptionDetails
		b.fault(fmt.Sprintf("exception: %s %s (%s:%d)", d.Text, d.Exception.Description, d.URL, d.LineNumber))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "assert" || e.Type == "warning" {
			b.fault(fmt.Sprintf("console.%s: %s", e.Type, arguments(e.Args)))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" {
			b.fault(fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

func arguments(all []*runtime.RemoteObject) string {
	var text strings.Builder
	for _, a := range all {
		fmt.Fprintf(&text, "%s%s ", a.Value, a.Description)
	}
	return text.String()
}

func (b *tab) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// expect lets pages report what contains a text, such as "status of 404" for a page that is
// not there, or "net::ERR_CONNECTION_REFUSED" while the server is gone.
func (b *tab) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, text)
}

// check reports what pages of the tab have reported.
func (b *tab) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		if !b.expects(fault) {
			t.Errorf("a page reports %s", fault)
		}
	}
	b.faults = nil
}

func (b *tab) expects(fault string) bool {
	for _, text := range b.expected {
		if strings.Contains(fault, text) {
			return true
		}
	}
	return false
}

// size makes the tab as large as a screen. Below 500 it is a phone's.
func (b *tab) size(t *testing.T, width, height int64) {
	t.Helper()
	devtools(t, b, emulate.SetDeviceMetricsOverride, emulate.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500,
	})
}

// theme is light or dark.
func (b *tab) theme(t *testing.T, theme string) {
	t.Helper()
	devtools(t, b, emulate.SetEmulatedMedia, emulate.SetEmulatedMediaParams{
		Features: []*emulate.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
}

// withoutJavaScript switches off the scripts of all further pages; the test's own still run.
func (b *tab) withoutJavaScript(t *testing.T) {
	t.Helper()
	devtools(t, b, emulate.SetScriptExecutionDisabled, emulate.SetScriptExecutionDisabledParams{Value: true})
}

// open opens a path of the console, or a whole URL.
func (b *tab) open(t *testing.T, path string) {
	t.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = b.url + path
	}
	b.do(t, chromedp.Navigate(url))
}

// do runs actions.
func (b *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatalf("%v\n%s", err, b.page())
	}
}

// press presses the keys of a text, in whatever has the focus. "\r" is Enter. As for a real key, a page
// that has taken the press gets no character. A page that loads, or loads itself anew at the end of what
// it follows, listens to keys once it is complete.
func (b *tab) press(t *testing.T, keys string) {
	t.Helper()
	b.wait(t, `document.readyState === "complete"`)
	b.do(t, chromedp.KeyEvent(keys, func(p *input.DispatchKeyEventParams) {
		if p.Type == kb.KeyDown {
			p.Type = kb.KeyRawDown
		}
	}))
}

// confirm presses Enter on a page that asks before it does something, once its button has the focus.
func (b *tab) confirm(t *testing.T) {
	t.Helper()
	b.wait(t, `document.activeElement.matches("main form button")`)
	b.press(t, "\r")
}

// focused is an expression for the text of the line that has the focus; empty: none has.
const focused = `(document.activeElement.closest(".line")?.textContent ?? "")`

// click clicks on the first element that matches a CSS selector, once it can be seen and nothing
// lies over it. It looks for the element anew each time, because live pages change.
func (b *tab) click(t *testing.T, selector string) {
	t.Helper()
	at := b.middle(t, selector)
	b.do(t, chromedp.MouseClickXY(at[0], at[1]))
}

// hover moves the pointer onto an element, as click does.
func (b *tab) hover(t *testing.T, selector string) {
	t.Helper()
	at := b.middle(t, selector)
	b.do(t, chromedp.MouseEvent("mouseMoved", at[0], at[1]))
}

// middle returns the coordinates of the middle of an element.
func (b *tab) middle(t *testing.T, selector string) (at []float64) {
	t.Helper()
	find := `((e) => {
		if (!e) return [];
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		if (r.width && e.contains(document.elementFromPoint(x, y))) return [x, y];
		e.scrollIntoView({ block: "center" });
		return [];
	})(document.querySelector(` + strconv.Quote(selector) + `))`
	eventually.NoError(t, func() (err error) {
		if b.Err() != nil {
			t.Fatalf("the browser ended before %s was there", selector)
		}
		at, err = chromedp.Run(b, chromedp.Evaluate[[]float64](find))
		if err == nil && len(at) == 0 {
			err = fmt.Errorf("%s cannot be clicked on the page\n%s", selector, b.page())
		}
		return err
	})
	return at
}

// wait waits until an expression of JavaScript is true, also over loads of pages.
func (b *tab) wait(t *testing.T, expression string) {
	t.Helper()
	eventually.NoError(t, func() error {
		if b.Err() != nil {
			t.Fatalf("the browser ended before %s", expression)
		}
		is, err := chromedp.Run(b, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && !is {
			return fmt.Errorf("%s is not true on the page\n%s", expression, b.page())
		}
		return err
	})
}

// waitForText waits until the page shows all texts.
func (b *tab) waitForText(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		b.wait(t, "document.body.innerText.includes("+strconv.Quote(text)+")")
	}
}

// evaluate returns the value of an expression of JavaScript; promises are awaited.
func evaluate[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// page returns the address and the text of the page, for messages.
func (b *tab) page() string {
	text, err := chromedp.Run(b, chromedp.Evaluate[string](`location.href + "\n" + document.body?.innerText`))
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return text
}

// A tab notices what a page reports, so the other tests can fail.
func TestTabReportsFaults(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	b := openTab(startBrowser(t), t, s.url)
	b.open(t, "/")
	b.waitForText(t, "Overview")
	b.check(t)
	for name, script := range map[string]string{
		"console.error":           `console.error("of the test")`,
		"exception":               `setTimeout(() => { throw new Error("of the test") }); 0`,
		"Content Security Policy": `document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>"); 0`,
	} {
		evaluate[any](t, b, script)
		eventually.True(t, "the tab has heard of "+name, func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return strings.Contains(strings.Join(b.faults, "\n"), name)
		})
	}
	b.mu.Lock()
	b.faults = nil
	b.mu.Unlock()
}

// The keys that the console has are on a page of their own, from the keyboard, in both themes.
func TestConsoleShowsItsKeys(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	b := openTab(startBrowser(t), t, s.url)
	for _, theme := range []string{"light", "dark"} {
		b.theme(t, theme)
		b.open(t, "/")
		b.press(t, "?")
		b.wait(t, "document.getElementById('keys').open")
		b.click(t, "#keys .button")
		b.wait(t, "!document.getElementById('keys').open")
	}
}

// On a phone, the menu begins at the page that is open.
func TestConsoleMenuShowsThePage(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	b := openTab(startBrowser(t), t, s.url)
	b.size(t, 360, 900)
	for _, path := range []string{"/", "/jobs", "/engine"} {
		b.open(t, path)
		b.wait(t, `(({ left, right }) => left >= 0 && right <= innerWidth)(document.querySelector(".top nav [aria-current]").getBoundingClientRect())`)
	}
}

// Pages that are not there are pages too, and need no JavaScript. So are paths that nothing has.
func TestConsoleWithoutJavaScript(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startUp(t, t.TempDir())
	b := openTab(startBrowser(t), t, s.url)
	b.expect("status of 404")
	b.withoutJavaScript(t)
	b.open(t, "/nothing")
	b.waitForText(t, "Not found", "there is no page /nothing")
	b.open(t, "/console/nothing")
	b.waitForText(t, "Not found", "there is no page /console/nothing")
	b.wait(t, "!document.querySelector('[data-help]').checkVisibility()") // only the module shows it
	b.click(t, "main a")
	b.waitForText(t, "Overview")
}
