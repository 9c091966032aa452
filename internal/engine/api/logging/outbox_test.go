package logging

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"

	"github.com/runwith/runwith"
)

func TestOutboxOfSlowCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		taken, sent := make(chan struct{}), 0
		o := newOutbox(func(*loggingpb.TailLogEntriesResponse) error {
			<-taken
			sent++
			return nil
		})
		defer o.close()
		if err := o.put(t.Context(), nil); err != nil {
			t.Fatalf("the first answer = %v, want none", err)
		}
		if err := o.put(t.Context(), nil); !errors.Is(err, errSlow) {
			t.Errorf("an answer before the last is taken = %v, want errSlow", err)
		}
		begin := time.Now()
		if err := o.settle(t.Context()); runwith.CodeOf(err) != runwith.DeadlineExceeded || time.Since(begin) != maxSilence {
			t.Errorf("settle() of a caller that reads nothing = %v after %v, want DEADLINE_EXCEEDED after %v", err, time.Since(begin), maxSilence)
		}
		left, cancel := context.WithCancel(t.Context())
		cancel()
		if err := o.settle(left); !errors.Is(err, context.Canceled) {
			t.Errorf("settle() of a caller that leaves = %v, want context.Canceled", err)
		}
		go func() {
			time.Sleep(time.Second)
			taken <- struct{}{}
		}()
		if err := o.settle(t.Context()); err != nil || sent != 1 {
			t.Errorf("settle() of a caller that goes on = %v with %d answers sent, want 1", err, sent)
		}
		if err := o.put(t.Context(), nil); err != nil {
			t.Errorf("the next answer = %v, want none", err)
		}
		taken <- struct{}{}
	})
}

func TestOutboxOfBrokenStream(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	o := newOutbox(func(*loggingpb.TailLogEntriesResponse) error { return broken })
	defer o.close()
	if err := o.put(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	<-o.failed
	if err := o.put(t.Context(), nil); !errors.Is(err, broken) {
		t.Errorf("an answer after a failure = %v, want %v", err, broken)
	}
	if err := o.settle(t.Context()); !errors.Is(err, broken) {
		t.Errorf("settle() after a failure = %v, want %v", err, broken)
	}
}
