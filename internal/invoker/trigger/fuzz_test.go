package trigger_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/invoker"
)

// FuzzEvent sends any body and headers to each type of trigger. Each has a clear answer, and a
// start has a key that can be stored. A refused event can be tried again.
func FuzzEvent(f *testing.F) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		head, body, _ := strings.Cut(string(content), "\n\n")
		f.Add(head, body)
	}
	triggers := []string{"uploads", "orders", "messages", "texts", "keyed", "bare", "nightly", "queue"}
	h := newHouse(f)
	f.Fuzz(func(t *testing.T, head, body string) {
		for _, name := range triggers {
			h.starter.launches, h.events.all = nil, nil
			h.log.Reset()
			r := httptest.NewRequest("POST", "http://runwith.example.com/api/v1/triggers/"+name, strings.NewReader(body))
			for line := range strings.SplitSeq(head, "\n") {
				if field, value, ok := strings.Cut(line, ": "); ok && field != "Origin" && field != "Sec-Fetch-Site" {
					r.Header.Add(field, value)
				}
			}
			r.Header.Set("Authorization", "Bearer google")
			got := h.do(t, r)
			switch got.Outcome {
			case "accepted":
				if l := h.starter.launches[0]; l.Key == "" || len(l.Key) > invoker.MaxKey || !utf8.ValidString(l.Key) {
					t.Errorf("%s: key %q", name, l.Key)
				}
			case "refused":
				if got.Event == "" || got.Detail == "" || !utf8.ValidString(got.Detail) {
					t.Errorf("%s: answer %+v", name, got)
				}
				_, _, _ = h.Retry(t.Context(), h.events.all[0])
			case "ignored":
			default:
				t.Errorf("%s: answer %+v", name, got)
			}
		}
	})
}
