//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/invoker/auth"
	"github.com/runwith/runwith/internal/testneed"
)

const crowdConfig = `
callers:
  many: {apiKeys: [MANY], grants: [view, start]}
  few: {apiKeys: [FEW], grants: [view]}
jobs:
  test-job: {}
`

// visitor is a program that visits the console as a browser does, with cookies.
type visitor struct {
	*http.Client

	url string
}

// visit signs in with an API key.
func visit(t *testing.T, url, key string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{&http.Client{Jar: jar, Transport: &http.Transport{}}, url}
	token := regexp.MustCompile(`name="token" value="([^"]+)"`).FindStringSubmatch(v.read(t, "/console/sign-in"))
	if token == nil {
		t.Fatal("the page to sign in has no token")
	}
	page := v.send(t, "/console/sign-in", token[1], key)
	if !strings.Contains(page, "Signed in as") {
		t.Fatalf("the visitor is not signed in:\n%s", page)
	}
	return v
}

func (v *visitor) send(t *testing.T, path, token, key string) string {
	t.Helper()
	form := url.Values{"token": {token}, "key": {key}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", v.url)
	return v.body(t, r)
}

// read returns a page.
func (v *visitor) read(t *testing.T, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return v.body(t, r)
}

func (v *visitor) body(t *testing.T, r *http.Request) string {
	t.Helper()
	r.Header.Set("Accept", "text/html")
	response, err := v.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// live opens a live page, and returns its events.
func (v *visitor) live(t *testing.T, path string) *bufio.Reader {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	response, err := v.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return bufio.NewReader(response.Body)
}

// until reads events up to a line with a text.
func until(events *bufio.Reader, text string) error {
	for {
		line, err := events.ReadString('\n')
		if strings.Contains(line, text) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the events end before %q: %w", text, err)
		}
	}
}

// resident returns how much memory a process has, in bytes; 0 if this system does not tell.
func resident(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kib, _ := strconv.Atoi(string(found[1]))
	return kib << 10
}

// A caller has as many live pages as there can be. All follow what goes on, and another caller has a
// live page too. How long answers take is only reported; the memory of the server must stay bounded.
func TestConsoleServesACrowd(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	many, few := auth.NewKey(), auth.NewKey()
	config := write(t, "runwith.yaml", strings.NewReplacer("MANY", entryOf(many), "FEW", entryOf(few)).Replace(crowdConfig))
	s := startUp(t, t.TempDir(), "--config", config)
	first := s.outcome(t, "test-job").ID
	crowd := visit(t, s.url, many)
	alone, before := answersIn(t, crowd), resident(s.process.Pid)

	paths := []string{"/", "/invocations", "/invocations?job=test-job"}
	pages := make([]*bufio.Reader, 256)
	for n := range pages {
		pages[n] = crowd.live(t, paths[n%len(paths)])
		if err := until(pages[n], first); err != nil {
			t.Fatal(err)
		}
	}
	second := s.outcome(t, "test-job").ID
	var all sync.WaitGroup
	for n, page := range pages {
		all.Go(func() {
			if err := until(page, second); err != nil {
				t.Errorf("page %d: %v", n, err)
			}
		})
	}
	all.Wait()
	other := visit(t, s.url, few)
	if err := until(other.live(t, "/invocations"), second); err != nil {
		t.Errorf("the page of another caller: %v", err)
	}
	if err := until(pages[len(pages)-1], "event: full"); err != nil {
		t.Errorf("the newest page of the caller with many: %v", err)
	}
	busy, more := answersIn(t, other), resident(s.process.Pid)-before
	t.Logf("with %d live pages, pages are answered in %v instead of %v, and the server has %d MiB more than %d", len(pages), busy, alone, more>>20, before>>20)
	if most := memoryTimes * 128; more > most<<20 {
		t.Errorf("%d live pages take %d MiB, want at most %d", len(pages), more>>20, most)
	}
}

// answersIn returns how long the slowest of some pages takes.
func answersIn(t *testing.T, v *visitor) (slowest time.Duration) {
	t.Helper()
	for _, path := range []string{"/", "/invocations", "/jobs", "/usage", "/start"} {
		began := time.Now()
		v.read(t, path)
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}
