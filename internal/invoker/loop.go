package invoker

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/bell"
)

// loop is how a part works: in rounds, until the invoker closes. Between rounds it
// sleeps until something is due or somebody rings.
type loop struct {
	bell bell.Bell // holds one when there may be something new
	asks bell.Asks // each is closed after a round that found nothing more to do
}

func newLoop() *loop { return &loop{bell: bell.New(), asks: make(bell.Asks)} }

// ring says that there may be something new. It never blocks.
func (l *loop) ring() {
	l.bell.Ring()
}

// finish returns when a round that began after the call found nothing more to do, or
// when ctx ends.
func (l *loop) finish(ctx context.Context) {
	l.asks.Wait(ctx, nil)
}

// result is what a round came to.
type result struct {
	more bool      // it did something, and there may be more
	next time.Time // when the next is due; zero: nothing is
	err  error     // of the store
}

// run makes rounds until the invoker closes. After an error of the store it waits, and
// does not listen to the bell.
func (l *loop) run(b *base, what string, round func(now time.Time) result) {
	var asked []chan struct{}
	retry := newStoreRetry()
	for b.closing.Err() == nil {
		asked = l.collect(asked)
		now := b.now()
		r, bell := round(now), l.bell
		wait := b.until(b.orIdle(r.next, now))
		if r.err != nil {
			b.storeFailed(what, r.err)
			wait, bell = backoff.Jitter(retry.Next()), nil
		} else {
			retry.Reset()
			if r.more {
				continue
			}
		}
		for _, done := range asked {
			close(done)
		}
		asked = nil
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-bell:
		case done := <-l.asks:
			asked = append(asked, done)
		case <-b.closing.Done():
		}
		timer.Stop()
	}
}

// collect adds the asks that wait, so that the next round answers them.
func (l *loop) collect(asked []chan struct{}) []chan struct{} {
	for {
		select {
		case done := <-l.asks:
			asked = append(asked, done)
		default:
			return asked
		}
	}
}

// orIdle is when a part looks again.
func (b *base) orIdle(next, now time.Time) time.Time {
	if last := now.Add(b.config.idle()); next.IsZero() || next.After(last) {
		return last
	}
	return next
}

// signal wakes everybody who waits for a change of something. A mutex guards it. The
// zero value is ready.
type signal struct{ ch chan struct{} }

// wait returns a channel that is closed by the next send.
func (s *signal) wait() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) send() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
