package cloudrun

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
)

// asked is what a test reads of a request for entries.
type asked struct {
	Filter, PageToken string
	PageSize          int
}

// maxTested bounds an answer in tests, because 64 MiB take long with the race detector.
const maxTested = 8 << 20

// pagesOf serves the pages that answer writes, and ends the list after 20 of them.
func pagesOf(t *testing.T, answer func(w io.Writer, r asked, n int)) *Client {
	t.Helper()
	n := 0
	c := startLogs(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		var request asked
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Errorf("request body: %v", err)
		}
		if n++; n > 20 {
			_, _ = io.WriteString(w, `{}`)
			return
		}
		answer(w, request, n)
	})
	c.maxLog = maxTested
	return c
}

// entryJSON is an entry of standard output with a time in milliseconds.
func entryJSON(id string, at int, text string) string {
	return fmt.Sprintf(`{"logName": "projects/demo/logs/run.googleapis.com%%2Fstdout", "insertId": %q, "timestamp": %q, "textPayload": %q}`,
		id, time.UnixMilli(int64(at)).UTC().Format(time.RFC3339Nano), text)
}

// TestLargeLogPageIsReadInSmallerPages has a page that is too large unless it has ten entries.
// The search that reads smaller ones repeats no line.
func TestLargeLogPageIsReadInSmallerPages(t *testing.T) {
	t.Parallel()
	var sizes []int
	c := pagesOf(t, func(w io.Writer, r asked, n int) {
		sizes = append(sizes, r.PageSize)
		switch {
		case n == 1:
			_, _ = fmt.Fprintf(w, `{"entries": [%s, %s], "nextPageToken": "second"}`, entryJSON("a", 1, "a"), entryJSON("b", 2, "b"))
		case r.PageSize > 10:
			_, _ = io.WriteString(w, strings.Repeat(" ", maxTested+1)+"{}")
		case r.PageToken == "":
			_, _ = fmt.Fprintf(w, `{"entries": [%s, %s], "nextPageToken": "small"}`, entryJSON("b", 2, "b"), entryJSON("c", 3, "c"))
		default:
			_, _ = fmt.Fprintf(w, `{"entries": [%s]}`, entryJSON("d", 4, "d"))
		}
	})
	got, next := readLog(t, c, Cursor{})
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("lines = %q, want %q", got, want)
	}
	if want := []int{1000, 1000, 100, 10, 10}; !slices.Equal(sizes, want) {
		t.Errorf("pages were asked for with sizes %v, want %v", sizes, want)
	}
	if got := next.pageSize(); got != logPage {
		t.Errorf("the next search has pages of %d, want %d", got, logPage)
	}
}

func TestLogPageIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ page, want string }{
		"more entries than asked": {`{"entries": [{}` + strings.Repeat(`,{}`, logPage) + `]}`, "Cloud Logging's answer has more than the 1000 entries that it was asked for: "},
		"in two lists":            {`{"entries": [{}` + strings.Repeat(`,{}`, logPage-1) + `], "entries": [{}]}`, "Cloud Logging's answer has more than the 1000 entries that it was asked for: "},
		"large entry":             {`{"entries": [{"textPayload": "` + strings.Repeat("x", maxEntry) + `"}]}`, "Cloud Logging's answer has an entry of 2097171 bytes, and its limit is 256 KiB: "},
		"always too large":        {strings.Repeat(" ", maxTested+1) + `{}`, "an answer of Cloud Logging is larger than this program reads: "},
		"cut off":                 {`{"entries": [`, "Cloud Logging's answer is cut off, or is no JSON: "},
		"another form":            {`{"entries": 7}`, "Cloud Logging's answer is cut off, or is no JSON: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pagesOf(t, func(w io.Writer, _ asked, _ int) { _, _ = io.WriteString(w, test.page) })
			_, _, err := c.LogEntries(t.Context(), executionName, Cursor{})
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("LogEntries() = %v, want %q", err, test.want)
			}
		})
	}
}

// TestLogEndsInACircle reads a log from both ends. Its pages have one line and repeat a token.
func TestLogEndsInACircle(t *testing.T) {
	t.Parallel()
	circle := func(t *testing.T) *Client {
		return pagesOf(t, func(w io.Writer, _ asked, n int) {
			_, _ = fmt.Fprintf(w, `{"entries": [%s], "nextPageToken": "%d"}`, entryJSON(strconv.Itoa(n), n, "line"), n%3)
		})
	}
	const want = "the server's list goes round in a circle: "
	c, cursor, err := circle(t), Cursor{}, error(nil)
	for more := true; more && err == nil; more = cursor.More() {
		_, cursor, err = c.LogEntries(t.Context(), executionName, cursor)
	}
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("LogEntries() = %v, want %q", err, want)
	}
	c, err = circle(t), nil
	last := Cursor{}.Last(100, LogPlace{})
	for more := true; more && err == nil; {
		more, err = c.LastLines(t.Context(), executionName, last)
	}
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("LastLines() = %v, want %q", err, want)
	}
}

// TestLastLinesHaveFewBytes has a page that is too large. Its lines were JSON, and few have room.
func TestLastLinesHaveFewBytes(t *testing.T) {
	t.Parallel()
	c := pagesOf(t, func(w io.Writer, _ asked, n int) {
		_, _ = io.WriteString(w, `{"entries": [`)
		for i := range 10 {
			line := entryJSON(fmt.Sprint(n, " ", i), 1000-i, "")
			_, _ = io.WriteString(w, strings.Replace(line, `"textPayload": ""`, `"jsonPayload": {"message": "`+strings.Repeat("x", maxLastLines/8)+`"}`, 1)+",")
		}
		_, _ = io.WriteString(w, strings.Repeat(" ", maxTested)+`{}], "nextPageToken": "more"}`)
	})
	last := Cursor{}.Last(1000, LogPlace{})
	if more, err := c.LastLines(t.Context(), executionName, last); more || err != nil {
		t.Errorf("LastLines() = more %v, %v, want the end", more, err)
	}
	if lines, _ := last.Lines(); len(lines) != 8 {
		t.Errorf("%d lines, want 8", len(lines))
	}
}

// TestLastLinesOfALargePage has a page that is too large, and too few lines before that.
func TestLastLinesOfALargePage(t *testing.T) {
	t.Parallel()
	c := pagesOf(t, func(w io.Writer, _ asked, _ int) {
		_, _ = fmt.Fprintf(w, `{"entries": [%s, %s`, entryJSON("a", 1, "a"), strings.Repeat(" ", maxTested))
	})
	if _, err := c.LastLines(t.Context(), executionName, Cursor{}.Last(10, LogPlace{})); !errors.Is(err, errTooLarge) {
		t.Errorf("LastLines() = %v, want errTooLarge", err)
	}
}

// TestCursorRemembersFewEntries has a log whose entries all have the same time.
func TestCursorRemembersFewEntries(t *testing.T) {
	t.Parallel()
	var many []*loggingpb.LogEntry
	for n := range maxSeen {
		many = append(many, &loggingpb.LogEntry{InsertId: strconv.Itoa(n), Timestamp: timestamppb.New(time.UnixMilli(1))})
	}
	_, full := Cursor{}.after(many, "")
	c := pagesOf(t, func(w io.Writer, _ asked, _ int) {
		_, _ = fmt.Fprintf(w, `{"entries": [%s]}`, entryJSON("new", 1, "new"))
	})
	_, _, err := c.LogEntries(t.Context(), executionName, full)
	if runwith.CodeOf(err) != runwith.Internal {
		t.Errorf("LogEntries() behind %d entries of the same time = %v, want INTERNAL", maxSeen, err)
	}
}
