package main

import (
	"bytes"
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
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/requestfile"
	"github.com/runwith/runwith/internal/terminal"
)

// batchServer accepts the first items of each batch. Each of its invocations has the number of
// its item as an argument.
type batchServer struct {
	limit int           // items accepted of each batch; the others get 429
	state runwith.State // of the invocations

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
		fmt.Fprint(w, `{"id":"i-000001","state":"running"}`)
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
	var answers []string
	for n, item := range batch.Items {
		if n >= s.limit {
			answers = append(answers, `{"status":429,"problem":{"status":429,"code":"RESOURCE_EXHAUSTED","detail":"too many"},"retryAfter":1}`)
			continue
		}
		s.keys[item.Key] = true
		answers = append(answers, fmt.Sprintf(`{"status":202,"invocation":{"id":"i-%06d","state":"%s"}}`, len(s.keys), s.state))
	}
	fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(answers, ","))
}

// eachOf returns a run of n lines, each with an argument of this size.
func eachOf(t *testing.T, s *batchServer, n, size int) (e *eachRun, out, said *bytes.Buffer) {
	t.Helper()
	s.keys = map[string]bool{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	var file strings.Builder
	for i := range n {
		fmt.Fprintf(&file, `{"args":["%d%s"]}`+"\n", i, strings.Repeat("x", size))
	}
	out, said = &bytes.Buffer{}, &bytes.Buffer{}
	return &eachRun{
		jobRun: &jobRun{client: &runwith.Client{Server: server.URL}, out: out, err: said},
		job:    "report", file: requestfile.New(strings.NewReader(file.String()), requestfile.Config{Name: "f", Job: "report"}),
		open: map[string]int{}, began: time.Now(), progress: terminal.NewProgress(said, "report"),
	}, out, said
}

// TestEachInBatches sends more lines than one batch takes, by number and by size.
func TestEachInBatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ lines, size, batches int }{{2500, 0, 3}, {30, 100 << 10, 4}, {1, 900 << 10, 1}, {0, 0, 0}} {
		s := &batchServer{limit: 1000, state: runwith.StateSucceeded}
		e, _, said := eachOf(t, s, test.lines, test.size)
		if err := e.run(t.Context()); err != nil {
			t.Errorf("run = %v: %s", err, said)
		}
		if len(s.sizes) != test.batches || len(s.keys) != test.lines || s.bytes > 1<<20 {
			t.Errorf("%d lines came in batches of %v with %d keys, the largest of %d bytes; want %d batches", test.lines, s.sizes, len(s.keys), s.bytes, test.batches)
		}
		if want := fmt.Sprintf("report: %d of %d succeeded in ", test.lines, test.lines); !strings.Contains(said.String(), want) {
			t.Errorf("said %q, want %q", said, want)
		}
	}
}

// TestEachTriesAgain sends lines again that the server could not take.
func TestEachTriesAgain(t *testing.T) {
	t.Parallel()
	s := &batchServer{limit: 2, state: runwith.StateAccepted}
	e, out, said := eachOf(t, s, 3, 0)
	e.detach = true
	if err := e.run(t.Context()); err != nil || len(s.keys) != 3 || out.String() != "i-000001\ni-000002\ni-000003\n" {
		t.Errorf("run = %v, printed %q, said %q; want all three", err, out, said)
	}
	if !strings.Contains(said.String(), "trying 1 line again in 1s") {
		t.Errorf("said %q, want why it waits", said)
	}
}

// TestEachInterrupted checks that Ctrl-C cancels the invocations that have not ended.
func TestEachInterrupted(t *testing.T) {
	t.Parallel()
	s := &batchServer{limit: 1000, state: runwith.StateRunning, asked: make(chan struct{}, 1)}
	e, _, said := eachOf(t, s, 5, 0)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		<-s.asked
		interrupt()
	}()
	err := e.run(ctx)
	if exit, ok := errors.AsType[*exitError](err); !ok || exit.code != exitInterrupted || s.cancelled != 5 {
		t.Errorf("run = %v after %d cancels, said %q; want code 130 after 5", err, s.cancelled, said)
	}
}
