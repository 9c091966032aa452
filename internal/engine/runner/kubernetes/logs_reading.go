package kubernetes

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// errBroken means that the kubelet could not read the log on.
var errBroken = errors.New("the kubelet broke off the log")

// errIdle means that nothing came for too long.
var errIdle = errors.New("the log brings nothing")

// errBehind means that the follower may have left out a file.
var errBehind = errors.New("the log may have been rotated twice while it was followed")

// read makes one reading and writes what is new. It returns nil if the log ended as a
// whole answer.
func (l *logReader) read(ctx context.Context, c *logCursor, o kube.LogOptions) error {
	c.restart()
	c.follows, c.fromStart = o.Follow, o.Since.IsZero()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var watch idleWatch
	stop := make(chan struct{})
	defer close(stop)
	go watch.run(l.ended, stop, func() { cancel(errIdle) })
	body, err := l.client.OpenLog(ctx, l.pod, o)
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	defer body.Close()
	if err := c.shown.show(); err != nil {
		return err
	}
	return c.copy(body, &watch)
}

// copy writes what is new of an answer.
func (c *logCursor) copy(body io.Reader, watch *idleWatch) error {
	parser := &lineParser{to: c}
	buf := make([]byte, 32<<10)
	for {
		watch.reads.Add(1) // odd: waits for the log
		n, err := body.Read(buf)
		watch.reads.Add(1)
		c.now = time.Now()
		_, _ = parser.Write(buf[:n]) // returns no error
		if err == io.EOF {
			parser.finish()
		}
		c.flush()
		switch {
		case c.behind:
			return errBehind
		case err == io.EOF && c.broken():
			return errBroken
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// idleWatch ends a reading that brings nothing once the container has ended. A
// connection may be dead without an error.
type idleWatch struct{ reads atomic.Int64 }

func (w *idleWatch) run(ended, stop <-chan struct{}, idle func()) {
	select {
	case <-ended:
	case <-stop:
		return
	}
	timer := time.NewTicker(idleTimeout)
	defer timer.Stop()
	for before := int64(-1); ; {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		now := w.reads.Load()
		if now == before && now%2 == 1 || now == 0 && before == 0 {
			idle()
			return
		}
		before = now
	}
}
