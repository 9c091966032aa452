package batchrun_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/batchrun"
	"github.com/runwith/runwith/internal/requestfile"
)

// batchServer accepts the first items of each batch. Each of its invocations has the number of
// its item as an argument.
type batchServer struct {
	limit int           // items accepted of each batch; the others get 429
	busy  int           // batches that get 429 for all items, before the others
	state runwith.State // of the invocations in answers to batches
	later runwith.State // of each invocation that is asked for

	mu        sync.Mutex
	sizes     []int
	bytes     int // of the largest body
	keys      map[string]bool
	cancelled int
	asked     chan struct{} // receives when an invocation is asked for, if not nil
}

func (s *batchServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, ":batch"):
		s.batch(w, r)
	case strings.HasSuffix(r.URL.Path, "/cancel"):
		s.cancelled++
		fmt.Fprint(w, `{"id":"x","state":"cancelled"}`)
	default:
		select {
		case s.asked <- struct{}{}:
		default:
		}
		fmt.Fprintf(w, `{"id":"i-000001","state":"%s"}`, s.later)
	}
}

func (s *batchServer) batch(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var batch struct{ Items []struct{ Key string } }
	if err := json.Unmarshal(body, &batch); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.sizes, s.bytes = append(s.sizes, len(batch.Items)), max(s.bytes, len(body))
	limit := s.limit
	if s.busy > 0 {
		s.busy, limit = s.busy-1, 0
	}
	var answers []string
	for n, item := range batch.Items {
		if n >= limit {
			answers = append(answers, `{"status":429,"problem":{"status":429,"code":"RESOURCE_EXHAUSTED","detail":"too many"},"retryAfter":1}`)
			continue
		}
		s.keys[item.Key] = true
		answers = append(answers, fmt.Sprintf(`{"status":202,"invocation":{"id":"i-%06d","state":"%s"}}`, len(s.keys), s.state))
	}
	fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(answers, ","))
}

// output is what a run has printed and noted.
type output struct {
	printed []string // IDs
	notes   []string
}

// newRun returns a run of n lines, each with an argument of this size.
func newRun(t *testing.T, s *batchServer, n, size int, detach bool) (*batchrun.Run, *output) {
	t.Helper()
	var file strings.Builder
	for i := range n {
		fmt.Fprintf(&file, `{"args":["%d%s"]}`+"\n", i, strings.Repeat("x", size))
	}
	return newRunOf(t, s, file.String(), detach)
}

// newRunOf returns a run of a file.
func newRunOf(t *testing.T, s *batchServer, file string, detach bool) (*batchrun.Run, *output) {
	t.Helper()
	s.keys = map[string]bool{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	out := &output{}
	return batchrun.New(batchrun.Config{
		Client: &runwith.Client{Server: server.URL}, Job: "report", Detach: detach,
		Requests: requestfile.New(strings.NewReader(file), requestfile.Config{Name: "f", Job: "report"}),
		Print: func(i *runwith.Invocation) error {
			out.printed = append(out.printed, i.ID)
			return nil
		},
		Note:     func(text string) { out.notes = append(out.notes, text) },
		Progress: func(int, int) {},
	}), out
}

// TestBatches sends more lines than one batch takes, by number and by size.
func TestBatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ lines, size, batches int }{{2500, 0, 3}, {30, 100 << 10, 4}, {1, 900 << 10, 1}, {0, 0, 0}} {
		s := &batchServer{limit: 1000, state: runwith.StateSucceeded}
		run, out := newRun(t, s, test.lines, test.size, false)
		if err := run.Do(t.Context()); err != nil || !run.Succeeded() {
			t.Errorf("Do = %v, succeeded: %t: %q", err, run.Succeeded(), out.notes)
		}
		if len(s.sizes) != test.batches || len(s.keys) != test.lines || s.bytes > 1<<20 {
			t.Errorf("%d lines came in batches of %v with %d keys, the largest of %d bytes; want %d batches", test.lines, s.sizes, len(s.keys), s.bytes, test.batches)
		}
		if len(out.printed) != test.lines {
			t.Errorf("printed %d invocations of %d lines", len(out.printed), test.lines)
		}
		if want := fmt.Sprintf("report: %d of %d succeeded in ", test.lines, test.lines); !strings.HasPrefix(run.Summary(), want) {
			t.Errorf("summary = %q, want %q", run.Summary(), want)
		}
	}
}

// TestRefusedLinesAreSentAgain sends lines again that the server could not take.
func TestRefusedLinesAreSentAgain(t *testing.T) {
	t.Parallel()
	s := &batchServer{limit: 2, state: runwith.StateAccepted}
	run, out := newRun(t, s, 3, 0, true)
	if err := run.Do(t.Context()); err != nil || !run.Succeeded() {
		t.Errorf("Do = %v, succeeded: %t, want all accepted", err, run.Succeeded())
	}
	if diff := cmp.Diff([]string{"i-000001", "i-000002", "i-000003"}, out.printed); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"the invoker takes no more for now: trying 1 line again in 1s"}, out.notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// TestLargeLinesAreSentAgain sends refused lines again that are too large for one batch with the
// line after them.
func TestLargeLinesAreSentAgain(t *testing.T) {
	t.Parallel()
	s := &batchServer{limit: 1000, busy: 1, state: runwith.StateSucceeded}
	run, out := newRun(t, s, 3, 345<<10, false)
	if err := run.Do(t.Context()); err != nil || !run.Succeeded() {
		t.Errorf("Do = %v, succeeded: %t: %q", err, run.Succeeded(), out.notes)
	}
	if diff := cmp.Diff([]int{2, 2, 1}, s.sizes); diff != "" {
		t.Errorf("sizes of the batches (-want +got):\n%s", diff)
	}
	if s.bytes > 1<<20 {
		t.Errorf("the largest batch has %d bytes, want at most 1 MiB", s.bytes)
	}
}

// TestLinesWithOneKey sends two lines with the same key, which share an invocation.
func TestLinesWithOneKey(t *testing.T) {
	t.Parallel()
	for _, state := range []runwith.State{runwith.StateRunning, runwith.StateSucceeded} {
		s := &batchServer{limit: 1000, state: state, later: runwith.StateSucceeded}
		run, out := newRunOf(t, s, strings.Repeat(`{"key":"order-17"}`+"\n", 2), false)
		if err := run.Do(t.Context()); err != nil || !run.Succeeded() {
			t.Errorf("state %s: Do = %v, succeeded: %t: %q", state, err, run.Succeeded(), out.notes)
		}
		if want := "report: 2 of 2 succeeded in "; !strings.HasPrefix(run.Summary(), want) {
			t.Errorf("state %s: summary = %q, want %q", state, run.Summary(), want)
		}
	}
}

// TestCancel ends the context of a run, and then cancels its open invocations.
func TestCancel(t *testing.T) {
	t.Parallel()
	s := &batchServer{limit: 1000, state: runwith.StateRunning, later: runwith.StateRunning, asked: make(chan struct{}, 1)}
	run, out := newRun(t, s, 5, 0, false)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-s.asked
		interrupt()
	}()
	if err := run.Do(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v, want that it was cancelled", err)
	}
	run.Cancel(t.Context())
	if s.cancelled != 5 {
		t.Errorf("cancelled %d invocations, want 5", s.cancelled)
	}
	if diff := cmp.Diff([]string{"cancelled 5 of 5 invocations that had not ended; 5 lines had been sent"}, out.notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}
