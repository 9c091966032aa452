package container

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/moby/client"

	"github.com/runwith/runwith/internal/engine/runner"
)

// daemonFunc answers the requests to a daemon.
type daemonFunc func(*http.Request) (*http.Response, error)

func (f daemonFunc) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }

// unanswered accepts a request and never answers it.
func unanswered(q *http.Request) (*http.Response, error) {
	<-q.Context().Done()
	return nil, q.Context().Err()
}

// answering returns a Runner at a fake daemon, and one of its attempts with a container.
func answering(t *testing.T, answer daemonFunc) (*Runner, *attempt, *member) {
	t.Helper()
	c, err := client.New(client.WithHost("tcp://daemon:1"), client.WithHTTPClient(&http.Client{Transport: answer}), client.WithAPIVersion("1.44"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Runner{daemon: &daemon{Client: c}, life: t.Context(), log: slog.New(slog.DiscardHandler)}
	a, m := r.newAttempt(runner.ID{Execution: "e"}), newMember("c", "", true, runner.Output{})
	a.add(m)
	return r, a, m
}

// TestStopWithoutAnswer checks that stopping an attempt ends with the attempt, although the daemon
// accepts the requests and never answers.
func TestStopWithoutAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, a, _ := answering(t, unanswered)
		begun := time.Now()
		time.AfterFunc(time.Minute, func() { a.End(runner.Result{}, runner.ErrLost) })
		if err := r.stop(t.Context(), a, time.Second); err != nil {
			t.Errorf("stop() = %v, want no error", err)
		}
		if took, most := time.Since(begun), time.Minute+askTimeout; took > most {
			t.Errorf("stop() of an attempt that ended after a minute took %v, want at most %v", took, most)
		}
	})
}

// TestSideIsKilledAgain checks that a container beside the main one ends although the daemon did not
// answer the first SIGKILL.
func TestSideIsKilledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kills := 0
		var side *member
		r, a, side := answering(t, func(q *http.Request) (*http.Response, error) {
			if !strings.HasSuffix(q.URL.Path, "/kill") {
				return nil, errors.New("not a signal")
			}
			if q.URL.Query().Get("signal") == "SIGKILL" {
				kills++
			}
			if kills < 2 {
				return unanswered(q)
			}
			close(side.ended)
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
		})
		r.endSides(a)
		if kills != 2 {
			t.Errorf("SIGKILLs until the container had ended = %d, want 2", kills)
		}
	})
}

// TestTimeOfAKilledContainer checks that the time which a container ran is known, unless a signal
// may have ended it.
func TestTimeOfAKilledContainer(t *testing.T) {
	t.Parallel()
	status := func(code int) daemonFunc {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: code, Header: http.Header{}, Body: http.NoBody}, nil
		}
	}
	const ran = time.Minute
	for name, test := range map[string]struct {
		answer daemonFunc
		want   time.Duration
	}{
		"it got the signal":    {status(http.StatusNoContent), 0},
		"the answer is lost":   {unanswered, 0},
		"it had ended":         {status(http.StatusConflict), ran},
		"it had ended, Podman": {status(http.StatusInternalServerError), ran},
		"it was removed":       {status(http.StatusNotFound), ran},
		"the daemon went away": {func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, a, _ := answering(t, test.answer)
				r.signal(t.Context(), a, "SIGTERM")
				if got := r.judge(a, exit{ran: ran}).Ran; got != test.want {
					t.Errorf("time that the container ran = %v, want %v", got, test.want)
				}
			})
		})
	}
}
