package logging

import (
	"context"
	"errors"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"

	"github.com/runwith/runwith"
)

const (
	// patience is how long lines that were read stay in memory for a slow caller. Then
	// they are dropped, and read again later.
	patience = 20 * time.Millisecond
	// maxSilence is how long a caller may read nothing while an answer waits for it.
	maxSilence = 30 * time.Second
)

// errSlow means that the caller has not taken the last answer yet.
var errSlow = errors.New("the caller is slow")

// outbox sends the answers of a stream in a goroutine of its own, one at a time.
type outbox struct {
	idle    chan struct{} // has an element while nothing is being sent
	answers chan *loggingpb.TailLogEntriesResponse
	err     error // of the last Send, once failed is closed
	failed  chan struct{}
}

// newOutbox returns the outbox of a stream. The caller closes it.
func newOutbox(send func(*loggingpb.TailLogEntriesResponse) error) *outbox {
	o := &outbox{
		idle:    make(chan struct{}, 1),
		answers: make(chan *loggingpb.TailLogEntriesResponse, 1),
		failed:  make(chan struct{}),
	}
	o.idle <- struct{}{}
	go func() { // ends with close, or with the stream
		defer close(o.failed)
		for res := range o.answers {
			if o.err = send(res); o.err != nil {
				return
			}
			o.idle <- struct{}{}
		}
	}()
	return o
}

func (o *outbox) close() { close(o.answers) }

// put sends an answer, and returns when its sending has begun. It returns errSlow if the
// one before is not sent by then.
func (o *outbox) put(ctx context.Context, res *loggingpb.TailLogEntriesResponse) error {
	if err := o.wait(ctx, patience, errSlow); err != nil {
		return err
	}
	o.answers <- res
	return nil
}

// settle waits until nothing is being sent.
func (o *outbox) settle(ctx context.Context) error {
	err := o.wait(ctx, maxSilence, runwith.Errorf(runwith.DeadlineExceeded,
		"the caller has read nothing for %v: follow the logs again", maxSilence))
	if err == nil {
		o.idle <- struct{}{}
	}
	return err
}

// wait takes the element of idle, or returns late after a time.
func (o *outbox) wait(ctx context.Context, most time.Duration, late error) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-o.idle:
		return nil
	case <-o.failed:
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return late
	}
}
