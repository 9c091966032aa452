package console_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/console"
	"github.com/runwith/runwith/internal/testneed"
)

// journal keeps a log, which several goroutines write.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// count returns how often a text is in the log.
func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), text)
}

// ailing is an invoker whose lists fail while fails is set.
type ailing struct {
	*fake

	fails  atomic.Bool
	failed atomic.Int32 // how often
}

func (a *ailing) Invocations(ctx context.Context, q invoker.Filter) ([]runwith.Invocation, string, error) {
	if a.fails.Load() {
		a.failed.Add(1)
		return nil, "", &runwith.Error{Code: runwith.Unavailable, Message: "the store does not answer", Err: errors.New("disk is gone")}
	}
	return a.fake.Invocations(ctx, q)
}

// A live page that fails each second logs the cause once, and again if it has worked meanwhile.
func TestLivePageLogsAFailureOnce(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	f := &ailing{fake: &fake{}}
	log := &journal{}
	s := open(t, f, "", func(c *console.Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	events, _ := s.follow(t, "/invocations")
	for n := range 2 {
		f.fails.Store(true)
		expect(t, events, "the store does not answer")
		most := f.failed.Load()
		eventually.True(t, "it has failed three times", func() bool { return f.failed.Load() >= most+2 })
		f.fails.Store(false)
		expect(t, events, "event: page")
		if got := log.count("disk is gone"); got != n+1 {
			t.Errorf("the cause is in the log %d times after %d failures, want once for each", got, n+1)
		}
	}
}
