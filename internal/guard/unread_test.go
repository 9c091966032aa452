package guard_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnreadAnswerIsBrokenOff sends a request and reads nothing. The request must end, so that it holds
// no memory and no connection.
func TestUnreadAnswerIsBrokenOff(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"large": 1 << 20, "small": 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan time.Time, 2)
				conn, _ := servePipes(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					context.AfterFunc(r.Context(), func() { ended <- time.Now() })
					_, _ = io.WriteString(w, strings.Repeat("x", size))
				})).dial(t.Context(), "", "")
				defer conn.Close()
				began := time.Now()
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
				if took := (<-ended).Sub(began); took > time.Minute {
					t.Errorf("the request ended after %v, want at most a minute", took)
				}
			})
		})
	}
}

// TestSlowReaderGetsItsAnswer reads a little at a time, for longer than one write may take; and a
// stream that is silent for longer ends as it should.
func TestSlowReaderGetsItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size, part = 20 << 16, 1 << 14
		conn, _ := servePipes(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Hour)
			_, _ = io.WriteString(w, "end")
		})).dial(t.Context(), "", "")
		defer conn.Close()
		go func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") }()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		read, buf := 0, make([]byte, part)
		for read < size {
			n, err := io.ReadFull(response.Body, buf)
			if err != nil {
				t.Fatalf("after %d bytes: %v", read, err)
			}
			read += n
			time.Sleep(5 * time.Second)
		}
		rest, err := io.ReadAll(response.Body)
		if err != nil || string(rest) != "end" {
			t.Errorf("rest = %q, %v, want end", rest, err)
		}
	})
}
