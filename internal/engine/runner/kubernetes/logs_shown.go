package kubernetes

import (
	"context"
	"sync"
	"time"
)

// refusalPatience is how long a stream that was refused waits for the answer to the other one,
// before it is requested again.
const refusalPatience = time.Second

// shownApart decides whether the two streams of a container are read apart, or as one. They are read
// as one if the cluster has refused both before it has shown either: a single refusal may come from
// one of several API servers. The decision is final. nil is a log that is read as one.
type shownApart struct {
	mu      sync.Mutex
	refused map[string]bool // by stream
	merged  bool            // the answer, once decided is closed
	decided chan struct{}
}

func newShownApart() *shownApart {
	return &shownApart{refused: make(map[string]bool), decided: make(chan struct{})}
}

// show takes note that a stream is shown, or that its reader is about to write. It returns
// errNotApart if the streams are read as one: nothing may be written then.
func (s *shownApart) show() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide(false)
	if s.merged {
		return errNotApart
	}
	return nil
}

// refuse takes note that a stream was refused, because of err. It returns errNotApart if the
// streams are read as one, and err if the stream is to be requested again.
func (s *shownApart) refuse(ctx context.Context, stream string, err error) error {
	s.mu.Lock()
	if s.refused[stream] = true; len(s.refused) == 2 {
		s.decide(true)
	}
	s.mu.Unlock()
	timer := time.NewTimer(refusalPatience)
	defer timer.Stop()
	select {
	case <-s.decided:
	case <-timer.C:
	case <-ctx.Done():
	}
	if s.isMerged() {
		return errNotApart
	}
	return err
}

// isMerged reports that the streams are read as one.
func (s *shownApart) isMerged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.merged
}

// decide sets the answer, unless there is one. The caller holds mu.
func (s *shownApart) decide(merged bool) {
	select {
	case <-s.decided:
	default:
		s.merged = merged
		close(s.decided)
	}
}
