package main

import (
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/runwith/runwith/internal/testneed"
)

// A first visit is light: the page, its style and its modules have less than 60 KB. The time that the
// server takes for them is reported.
func TestConsoleFirstPage(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	w := startWorld(t)
	total, took, page := weigh(t, w.url+"/")
	files := regexp.MustCompile(`/console/assets/[^"]+`).FindAllString(page, -1)
	imports := regexp.MustCompile(`from "\./([a-z]+\.mjs)"`)
	prefix := regexp.MustCompile(`/console/assets/[0-9a-f]+/`).FindString(page)
	seen := map[string]bool{}
	for len(files) > 0 {
		file := files[0]
		if files = files[1:]; seen[file] {
			continue
		}
		seen[file] = true
		size, more, text := weigh(t, w.url+file)
		total, took = total+size, took+more
		for _, m := range imports.FindAllStringSubmatch(text, -1) {
			files = append(files, prefix+m[1])
		}
	}
	t.Logf("the first page has %d bytes in %d files, which took the server %v", total, 1+len(seen), took)
	if total > 60_000 || len(seen) < 5 {
		t.Errorf("the first page has %d bytes in %d files, want less than 60,000 and all modules", total, 1+len(seen))
	}
}

// weigh returns how many bytes and how much time an answer takes as browsers get it, and its text.
func weigh(t *testing.T, url string) (size int, took time.Duration, text string) {
	t.Helper()
	for _, encoding := range []string{"gzip", "identity"} {
		began := time.Now()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Encoding", encoding)
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v", url, response.Status, err)
		}
		if text = string(body); encoding == "gzip" {
			size, took = len(body), time.Since(began)
		}
	}
	return size, took, text
}
