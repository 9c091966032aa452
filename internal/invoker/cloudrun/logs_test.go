package cloudrun

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith"
)

const executionName = reportName + "/executions/report-abcde"

func TestLogEntries(t *testing.T) {
	t.Parallel()
	var asked struct {
		ResourceNames          []string
		Filter, OrderBy        string
		PageSize               int
		method, path, bearer   string
		idempotent, typeOfBody string
	}
	c := startLogs(t, Config{Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "secret"})},
		func(w http.ResponseWriter, r *http.Request) {
			asked.method, asked.path, asked.bearer = r.Method, r.URL.Path, r.Header.Get("Authorization")
			asked.idempotent, asked.typeOfBody = r.Header.Get("Idempotency-Key"), r.Header.Get("Content-Type")
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
				t.Errorf("request body: %v", err)
			}
			_, _ = io.WriteString(w, `{"entries": [
				{"logName": "projects/demo/logs/run.googleapis.com%2Fstdout", "insertId": "a", "timestamp": "2026-03-01T10:00:00.5Z",
				 "textPayload": "hello", "newField": 1, "labels": {"run.googleapis.com/task_index": "2", "run.googleapis.com/task_attempt": "1"}},
				{"logName": "projects/demo/logs/run.googleapis.com%2Fvarlog%2Fsystem", "insertId": "b", "timestamp": "2026-03-01T10:00:01Z", "textPayload": "Container called exit(0)."},
				{"logName": "projects/demo/logs/cloudaudit.googleapis.com%2Fsystem_event", "insertId": "c", "timestamp": "2026-03-01T10:00:01Z",
				 "protoPayload": {"@type": "type.googleapis.com/google.cloud.audit.AuditLog", "status": {}}},
				{"logName": "projects/demo/logs/run.googleapis.com%2Fstderr", "insertId": "d", "timestamp": "2026-03-01T10:00:02Z", "severity": "ERROR",
				 "jsonPayload": {"message": "a < b", "at": {"line": 3}}}
			]}`)
		})

	lines, next, err := c.LogEntries(t.Context(), executionName, LogSince(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatalf("LogEntries() = %v", err)
	}
	first, second := time.Date(2026, 3, 1, 10, 0, 0, 5e8, time.UTC), time.Date(2026, 3, 1, 10, 0, 2, 0, time.UTC)
	want := []runwith.LogLine{
		{Time: first, Task: 2, Attempt: 1, Stream: "stdout", Text: "hello", Position: LogPlace{first.UnixNano(), "a"}.String()},
		{
			Time: second, Stream: "stderr", Text: `{"at":{"line":3},"message":"a < b","severity":"ERROR"}`,
			Position: LogPlace{second.UnixNano(), "d"}.String(),
		},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("LogEntries() (-want +got):\n%s", diff)
	}
	if next.More() {
		t.Error("More() = true after the last page")
	}
	if want := `resource.type="cloud_run_job" AND resource.labels.job_name="report" AND resource.labels.location="us-east4"` +
		` AND labels."run.googleapis.com/execution_name"="report-abcde"` +
		` AND (log_id("run.googleapis.com/stdout") OR log_id("run.googleapis.com/stderr"))` +
		` AND timestamp>="2026-03-01T09:00:00Z"`; asked.Filter != want {
		t.Errorf("filter = %s\nwant     %s", asked.Filter, want)
	}
	got := []string{asked.method, asked.path, asked.bearer, asked.idempotent, asked.typeOfBody, asked.OrderBy,
		fmt.Sprint(asked.PageSize), strings.Join(asked.ResourceNames, ",")}
	if diff := cmp.Diff([]string{"POST", "/v2/entries:list", "Bearer secret", "", "application/json", "timestamp asc", "1000", "projects/demo"}, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// A search for one task filters by it, on later pages and in later searches too.
func TestLogEntriesOfTask(t *testing.T) {
	t.Parallel()
	var asked struct{ Filter string }
	c := startLogs(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Errorf("request body: %v", err)
		}
		_, _ = io.WriteString(w, `{"entries": [{"logName": "projects/demo/logs/run.googleapis.com%2Fstdout", "insertId": "a",
			"timestamp": "2026-03-01T10:00:00.5Z", "textPayload": "hello"}]}`)
	})
	cursor := LogSince(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)).OfTask(0)
	for range 3 {
		var err error
		if _, cursor, err = c.LogEntries(t.Context(), executionName, cursor); err != nil {
			t.Fatal(err)
		}
		if want := ` AND labels."run.googleapis.com/task_index"="0"`; !strings.HasSuffix(asked.Filter, want) {
			t.Errorf("filter = %s, want it to end with %s", asked.Filter, want)
		}
	}
}

func TestLogEntriesFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		body    string
		code    runwith.Code
		message string
	}{
		"Google's form":  {429, `{"error": {"code": 429, "message": "too many reads", "status": "RESOURCE_EXHAUSTED"}}`, runwith.ResourceExhausted, "too many reads"},
		"name decides":   {400, `{"error": {"message": "m", "status": "FAILED_PRECONDITION"}}`, runwith.FailedPrecondition, "m"},
		"a proxy's page": {502, `<html>`, runwith.Unavailable, "Cloud Logging answered 502 Bad Gateway"},
		"forbidden":      {403, ``, runwith.PermissionDenied, "Cloud Logging answered 403 Forbidden"},
		"a redirect":     {307, ``, runwith.Unknown, "Cloud Logging answered 307 Temporary Redirect"},
		"bad entry":      {200, `{"entries": [7]}`, runwith.Internal, "Cloud Logging's answer holds an entry that cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startLogs(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, _, err := c.LogEntries(t.Context(), executionName, Cursor{})
			if runwith.CodeOf(err) != test.code || err == nil || err.Error() != test.message {
				t.Errorf("LogEntries() = %v (%v), want %q (%v)", err, runwith.CodeOf(err), test.message, test.code)
			}
		})
	}
}

func TestLogEntriesBadName(t *testing.T) {
	t.Parallel()
	c := startLogs(t, Config{}, func(http.ResponseWriter, *http.Request) { t.Error("a request went out") })
	_, _, err := c.LogEntries(t.Context(), `x" OR "`, Cursor{})
	if runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("LogEntries() = %v, want INVALID_ARGUMENT", err)
	}
}

// logStore is a Cloud Logging with the entries of one execution.
type logStore struct {
	t        *testing.T
	pageSize int
	entries  []stored
	cut      map[string]int // by page token: where the page begins
}

type stored struct {
	at time.Time
	id string
}

func (s *logStore) add(at time.Time, id string) { s.entries = append(s.entries, stored{at, id}) }

func (s *logStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct{ Filter, PageToken string }
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		s.t.Errorf("request body: %v", err)
	}
	_, quoted, _ := strings.Cut(request.Filter, `timestamp>="`)
	from, err := time.Parse(time.RFC3339Nano, strings.TrimSuffix(quoted, `"`))
	if err != nil {
		s.t.Errorf("filter %s: %v", request.Filter, err)
	}
	var found []stored
	for _, e := range s.entries {
		if !e.at.Before(from) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b stored) int { return a.at.Compare(b.at) })
	found = found[s.cut[request.PageToken]:]
	answer := map[string]any{}
	if len(found) > s.pageSize {
		found = found[:s.pageSize]
		token := fmt.Sprintf("page-%d", len(s.cut))
		s.cut[token] = s.cut[request.PageToken] + s.pageSize
		answer["nextPageToken"] = token
	}
	var entries []map[string]any
	for _, e := range found {
		entries = append(entries, map[string]any{"logName": "projects/demo/logs/run.googleapis.com%2Fstdout",
			"insertId": e.id, "timestamp": e.at.Format(time.RFC3339Nano), "textPayload": e.id})
	}
	answer["entries"] = entries
	_ = json.NewEncoder(w).Encode(answer)
}

// readLog reads from the cursor to the current end.
func readLog(t *testing.T, c *Client, from Cursor) ([]string, Cursor) {
	t.Helper()
	var texts []string
	for {
		lines, next, err := c.LogEntries(t.Context(), executionName, from)
		if err != nil {
			t.Fatalf("LogEntries() = %v", err)
		}
		for _, line := range lines {
			texts = append(texts, line.Text)
		}
		if from = next; !next.More() {
			return texts, next
		}
	}
}

func TestLogCursor(t *testing.T) {
	t.Parallel()
	s := &logStore{t: t, pageSize: 2, cut: map[string]int{"": 0}}
	c := startLogs(t, Config{}, s.ServeHTTP)
	at := time.Date(2026, 3, 1, 10, 0, 0, 123456789, time.UTC)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		s.add(at, id) // five at the same time, on three pages
	}

	got, next := readLog(t, c, Cursor{})
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, got); diff != "" {
		t.Errorf("first read (-want +got):\n%s", diff)
	}
	s.add(at, "f")                    // at the boundary
	s.add(at.Add(time.Second), "g")   // after it
	s.add(at.Add(-lookBack/2), "old") // before the cursor's first look: its beginning has moved
	got, next = readLog(t, c, next)
	if diff := cmp.Diff([]string{"f", "g"}, got); diff != "" {
		t.Errorf("second read (-want +got):\n%s", diff)
	}
	s.add(at.Add(time.Second/2), "late") // stored late, within what is looked back over
	got, next = readLog(t, c, next)
	if diff := cmp.Diff([]string{"late"}, got); diff != "" {
		t.Errorf("third read (-want +got):\n%s", diff)
	}
	if got, _ := readLog(t, c, next); got != nil {
		t.Errorf("fourth read = %q, want nothing", got)
	}
}

// TestCursorStaysSmall reads a long log. The cursor remembers only its last part.
func TestCursorStaysSmall(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	cursor, total := Cursor{}, 0
	for page := range 20 {
		var entries []*loggingpb.LogEntry
		for i := range logPage {
			n := page*logPage + i
			entries = append(entries, &loggingpb.LogEntry{InsertId: fmt.Sprint(n), Timestamp: timestamppb.New(at.Add(time.Duration(n) * time.Millisecond))})
		}
		var fresh []*loggingpb.LogEntry
		fresh, cursor = cursor.after(entries, "")
		total += len(fresh)
		again, same := cursor.after(entries[logPage-lookBackEntries:], "")
		if len(again) != 0 {
			t.Fatalf("%d entries of page %d came twice", len(again), page)
		}
		cursor = same
	}
	if total != 20*logPage {
		t.Errorf("%d entries were fresh, want %d", total, 20*logPage)
	}
	if len(cursor.seen) > lookBackEntries {
		t.Errorf("the cursor remembers %d entries, want at most %d", len(cursor.seen), lookBackEntries)
	}
}

// TestCursorStaysSmallWithinASearch reads a search of many pages, and then one that
// looks back over the end of it, on pages of its own.
func TestCursorStaysSmallWithinASearch(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	page := func(from, to int) (entries []*loggingpb.LogEntry) {
		for n := from; n < to; n++ { // three at a time
			entries = append(entries, &loggingpb.LogEntry{InsertId: fmt.Sprint(n), Timestamp: timestamppb.New(at.Add(time.Duration(n/3) * time.Millisecond))})
		}
		return entries
	}
	cursor, total := Cursor{}, 0
	read := func(entries []*loggingpb.LogEntry, token string) {
		t.Helper()
		var fresh []*loggingpb.LogEntry
		fresh, cursor = cursor.after(entries, token)
		total += len(fresh)
		if most := lookBackEntries + len(entries) + 2; len(cursor.seen) > most {
			t.Fatalf("the cursor remembers %d entries, want at most %d", len(cursor.seen), most)
		}
	}
	const all = 20 * logPage
	for n := 0; n < all; n += logPage {
		token := fmt.Sprint(n)
		if n+logPage == all {
			token = ""
		}
		read(page(n, n+logPage), token)
		read(nil, token) // a page may be empty
	}
	first := int(cursor.from.Sub(at)/time.Millisecond) * 3
	for n := first; n < all; n += 50 {
		read(page(n, min(n+50, all)), "more")
	}
	read(page(all, all+10), "")
	if total != all+10 {
		t.Errorf("%d entries were fresh, want %d", total, all+10)
	}
}

// TestLogCursorBehindPartOfPage drops the rest of every page at all places, and wants each
// line once, in order.
func TestLogCursorBehindPartOfPage(t *testing.T) {
	t.Parallel()
	const entries = 25
	begin := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, pace := range []time.Duration{0, time.Millisecond, 3 * time.Second} {
		for _, pageSize := range []int{4, 10, 100} {
			s := &logStore{t: t, pageSize: pageSize, cut: map[string]int{"": 0}}
			c := startLogs(t, Config{}, s.ServeHTTP)
			var want, got []string
			for i := range entries {
				s.add(begin.Add(time.Duration(i)*pace), fmt.Sprintf("%02d", i))
				want = append(want, fmt.Sprintf("%02d", i))
			}
			cursor := LogSince(begin)
			for step := 0; len(got) < entries && step < 10*entries; step++ {
				lines, next, err := c.LogEntries(t.Context(), executionName, cursor)
				if err != nil {
					t.Fatal(err)
				}
				n := min(len(lines), 1+step%5)
				for _, line := range lines[:n] {
					got = append(got, line.Text)
				}
				cursor = next.Behind(n)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pages of %d, a line in %v: lines differ (-want +got):\n%s", pageSize, pace, diff)
			}
		}
	}
}
