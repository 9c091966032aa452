package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	chromepage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/testneed"
)

// streams is a proxy in front of a console, which counts the live connections that are open. The path
// /jobs/slow is /jobs, which waits until it is let go.
type streams struct {
	*httptest.Server

	open, waiting atomic.Int32
	letGo         chan struct{}
}

func countStreams(t *testing.T, s *server) *streams {
	t.Helper()
	to, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	p := &streams{letGo: make(chan struct{})}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
			p.open.Add(1)
			defer p.open.Add(-1)
		}
		if r.URL.Path == "/jobs/slow" {
			r.URL.Path = "/jobs"
			p.waiting.Add(1)
			<-p.letGo
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { p.CloseClientConnections(); p.Close() })
	return p
}

// are waits until a number of live connections is open.
func (p *streams) are(t *testing.T, want int32) {
	t.Helper()
	eventually.True(t, fmt.Sprintf("%d live connections are open", want), func() bool { return p.open.Load() == want })
}

// behind opens pages in further tabs of the window of a tab, one after the other.
func (b *tab) behind(t *testing.T, url string, count int) {
	t.Helper()
	for n := range count {
		if _, err := chromedp.Call(b, target.CreateTarget, target.CreateTargetParams{URL: url}); err != nil {
			t.Fatal(err)
		}
		eventually.True(t, "the tab is loaded", func() bool { return b.titled(t, "Invocations · runwith") == n+2 })
	}
}

// titled returns how many tabs of the browser have a title.
func (b *tab) titled(t *testing.T, title string) (count int) {
	t.Helper()
	all, err := chromedp.Call(b, target.GetTargets, target.GetTargetsParams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all.TargetInfos {
		if one.Type == "page" && one.Title == title {
			count++
		}
	}
	return count
}

// Only the tab that is seen has a connection, however many are behind it in its window. One that is
// seen again goes on.
func TestConsoleTabsBehindHaveNoConnection(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	p := countStreams(t, s)
	b := openTab(startWindows(t), t, p.URL)
	b.open(t, "/invocations")
	p.are(t, 1)
	b.behind(t, p.URL+"/invocations", 20)
	b.wait(t, "document.hidden")
	id := s.start(t)
	devtools(t, b, chromepage.BringToFront, cdp.Empty{})
	b.wait(t, "document.getElementById('row-"+id+"')")
	p.are(t, 1)
	s.release(t)
}

// A browser has six connections to a server. The seventh window loads and works all the same: four
// pages are live, and the others say why they are not, until one of them is closed.
func TestConsoleManyWindows(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	p := countStreams(t, s)
	browser := startWindows(t)
	var windows []*tab
	for n := range 8 {
		b := openTab(browser, t, p.URL)
		b.open(t, "/invocations")
		if n >= 4 {
			b.waitForText(t, "Many pages of this server are open in this browser")
		}
		windows = append(windows, b)
	}
	p.are(t, 4)
	id := s.start(t)
	s.firstLine(t, id)
	for _, b := range windows[:4] {
		b.wait(t, `document.querySelector("#row-`+id+` .state")?.textContent === "running"`)
	}
	last := windows[7]
	last.open(t, "/invocations/"+id+"/logs")
	last.waitForText(t, "Many pages of this server are open in this browser. The log goes on as soon as it can.")
	for _, b := range windows[:4] {
		b.open(t, "about:blank")
	}
	for _, b := range windows[4:7] {
		b.wait(t, `document.getElementById("banner").hidden && document.querySelector("#row-`+id+` .state")?.textContent === "running"`)
	}
	last.waitForText(t, "task runs", "Live")
	p.are(t, 4)
	s.release(t)
}

// A visitor who follows a link to a page that takes long gets there, also if the page before is to be
// loaded anew meanwhile.
func TestConsoleLetsVisitorsLeave(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	s := startHolding(t)
	p := countStreams(t, s)
	id := s.start(t)
	s.firstLine(t, id)
	b := openTab(startWindows(t), t, p.URL)
	b.open(t, "/invocations/"+id)
	p.are(t, 1)
	evaluate[any](t, b, `document.querySelector("h1 a").href = "/jobs/slow"; document.querySelector("h1 a").click(); 0`)
	eventually.True(t, "the other page is on its way", func() bool { return p.waiting.Load() == 1 })
	s.release(t)
	p.are(t, 0) // nothing changes any more, so the page would load anew
	close(p.letGo)
	b.wait(t, `location.pathname === "/jobs/slow"`)
	b.waitForText(t, "Jobs")
}
