package runwith_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith"
)

// handlerTransport answers requests with a handler and without a network, so that
// tests can use fake time.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	response := w.Result()
	response.Request = r
	return response, nil
}

// script returns a client whose server answers each request with the next line: a
// state, or the code or status of an error. It repeats the last line. The second
// result collects the Prefer header of each request.
func script(lines ...string) (*runwith.Client, *[]string) {
	asked := new([]string)
	return &runwith.Client{HTTPClient: &http.Client{Transport: handlerTransport{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Header.Get("Prefer"))
		line := lines[min(len(*asked), len(lines))-1]
		var status int
		if _, err := fmt.Sscan(line, &status); err == nil {
			http.Error(w, "", status)
			return
		}
		if code, ok := runwith.ParseCode(line); ok {
			answerWith(code.HTTPStatus(), "application/problem+json", `{"code":"`+line+`"}`)(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"id":"inv-1","state":"`+line+`"}`)
	})}}}, asked
}

func TestClientWait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		lines []string
		state runwith.State
		code  runwith.Code
	}{
		{[]string{"succeeded"}, runwith.StateSucceeded, runwith.OK},
		{[]string{"accepted", "running", "failed"}, runwith.StateFailed, runwith.OK},
		{[]string{"starting", "unresolved"}, runwith.StateUnresolved, runwith.OK},
		{[]string{"502", "503", "429", "500", "504", "running", "503", "cancelled"}, runwith.StateCancelled, runwith.OK},
		{
			[]string{"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN", "succeeded"},
			runwith.StateSucceeded, runwith.OK,
		},
		{[]string{"404"}, "", runwith.NotFound},
		{[]string{"running", "403"}, runwith.StateRunning, runwith.PermissionDenied},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.lines, ","), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, asked := script(test.lines...)
				got, err := client.Wait(t.Context(), "inv-1")
				var state runwith.State
				if got != nil {
					state = got.State
				}
				if state != test.state || runwith.CodeOf(err) != test.code {
					t.Errorf("Wait = %q, %v, want %q, %v", state, err, test.state, test.code)
				}
				var want []string
				for range test.lines {
					want = append(want, "wait=30")
				}
				if diff := cmp.Diff(want, *asked); diff != "" {
					t.Errorf("Prefer headers (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestClientWaitPauses checks that Wait pauses between requests if the server answers
// at once.
func TestClientWaitPauses(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"running", "503"} {
		synctest.Test(t, func(t *testing.T) {
			client, asked := script("running", answer)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			got, err := client.Wait(ctx, "inv-1")
			if got == nil || got.State != runwith.StateRunning {
				t.Errorf("Wait = %v, want the last known invocation", got)
			}
			if runwith.CodeOf(err) != runwith.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Wait: %v, want DEADLINE_EXCEEDED", err)
			}
			if answer == "503" && !strings.Contains(err.Error(), "503") {
				t.Errorf("Wait: %v, want an error that contains 503", err)
			}
			// Pauses grow to between 2.5 s and 7.5 s.
			if n := len(*asked); n < 80 || n > 260 {
				t.Errorf("%d requests in 10 minutes of %q, want 80 to 260", n, answer)
			}
		})
	}
}
