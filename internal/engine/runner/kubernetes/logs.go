package kubernetes

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/engine/runner"
	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// logOpener opens the log of a container: a *kube.Client.
type logOpener interface {
	OpenLog(ctx context.Context, pod string, o kube.LogOptions) (io.ReadCloser, error)
}

// logReader writes the output of one container, complete. It follows the log and, because
// a stream from the API server may end at any time without saying why, reads the log again
// after that, until the container has ended and a reading brings nothing new.
//
// Where the cluster shows stdout and stderr apart, each is read on its own. Elsewhere both
// come as stdout, in the order of the node's log. A node that ends \r\n lines with \n
// (containerd before 2.0) leaves no trace of the \r.
type logReader struct {
	client    logOpener
	pod       string
	container string
	out       runner.Output
	apart     bool // the API server shows stdout and stderr apart
	// ended is closed when the cluster says that the container has ended, or never runs.
	ended <-chan struct{}
	// started is when the container began, by its node's clock. The zero time means that
	// the log is read from the beginning for certain.
	started time.Time
	// adopted says that an earlier process may have read the log, so that its beginning may
	// be gone.
	adopted bool
	// resume says that output of the attempt may have been written before, by an earlier
	// process or incarnation, so that out.Kept must be asked.
	resume bool
	// record is the path of the file for the process that adopts the container (see
	// logRecord). The caller removes the file once the attempt's end is committed. If it
	// is empty, whoever adopts the container writes all output again. Streams that are read
	// apart have a file each, beside it.
	record string
	log    *slog.Logger // nil discards

	stderrLines int // that the log has, and earlier incarnations, if run read the streams apart
}

const (
	// idleTimeout is how long a reading of a container that has ended may bring nothing
	// before it is given up and made again.
	idleTimeout = 15 * time.Second
	// endPause is how long the news of a container's end may take after the end of its
	// log.
	endPause = 3 * time.Second
	// lastTries is how many readings may fail for good after the container's end, or bring
	// only old lines. Then the log counts as gone. Seven take about ten seconds, in which a
	// container runtime can restart.
	lastTries = 7
	// logPatience is how long readings may bring nothing after the container's end. Then the
	// log counts as gone, because the node may never answer again.
	logPatience = 30 * time.Minute
)

// logBackoff are the waits between two readings that bring nothing.
func logBackoff() backoff.Backoff {
	return backoff.Backoff{Min: 200 * time.Millisecond, Max: 10 * time.Second}
}

// run returns nil once all output is written, or once the output says what may be
// missing. It returns the error of ctx if that ends first.
func (l *logReader) run(ctx context.Context) error {
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	stdout, stderr := l.kept()
	if l.apart && !l.readBefore() {
		if err := l.runApart(ctx, stdout, stderr); !errors.Is(err, errNotApart) {
			return err
		}
	}
	_, err := l.runStream(ctx, logStream{out: l.out.Stdout, kept: stdout, record: l.record, late: l.late()})
	return err
}

// runStream reads one stream. It returns how many lines of the output are before its end.
func (l *logReader) runStream(ctx context.Context, s logStream) (lines int, err error) {
	c, end := l.open(s)
	defer end()
	err = l.readAll(ctx, c, s.name)
	return c.at.lines, err
}

// readAll reads one stream until it is complete.
func (l *logReader) readAll(ctx context.Context, c *logCursor, stream string) error {
	wait := logBackoff()
	last, ended, followed := "", false, false
	var broken brokenLog
	hope := logHope{since: time.Now()}
	for n := 0; ctx.Err() == nil; n++ {
		if !ended && runner.IsClosed(l.ended) {
			ended = true
			wait.Reset()
		}
		c.drained = ended && followed
		again, err := l.readStream(ctx, c, kube.LogOptions{Container: l.container, Follow: !ended, Since: c.at.since(), Stream: stream})
		switch {
		case errors.Is(err, errNotApart):
			return err
		case again:
			continue
		}
		rest, quiet := c.rest(), c.passed == 0
		whole := err == nil && c.isAtEnd()
		if ended && whole && quiet && n > 0 && rest == last {
			c.finish()
			return nil
		}
		if hope.ends(ended && quiet, bringsNoMore(err, whole)) && ctx.Err() == nil {
			return l.giveUp(c, last, err)
		}
		if !quiet {
			wait.Reset()
			broken.told = false
		}
		broken.tell(ctx, l, err)
		last = c.unfinished(last)
		followed = whole && !ended && rest == ""
		l.pause(ctx, err, ended && whole, &wait)
	}
	return ctx.Err()
}

// bringsNoMore reports that another reading will hardly bring more than one of a container that
// has ended.
func bringsNoMore(err error, whole bool) bool {
	return isFinal(err) || errors.Is(err, errBroken) || err == nil && !whole
}

// logHope is the hope that a log brings more.
type logHope struct {
	tries int       // final readings that brought nothing
	since time.Time // of the last reading that brought something, or before the container's end
}

// ends takes note of a reading, and reports whether the hope has ended. The reading was in vain
// if it brought nothing after the container's end, and final if another will hardly bring more.
func (h *logHope) ends(vain, final bool) bool {
	if !vain {
		h.since = time.Now()
		return false
	}
	if final {
		h.tries++
	}
	return h.tries >= lastTries || time.Since(h.since) >= logPatience
}

// brokenLog warns once of a log that breaks off, until it brings something new.
type brokenLog struct{ told bool }

func (b *brokenLog) tell(ctx context.Context, l *logReader, err error) {
	if err == nil || b.told || ctx.Err() != nil {
		return
	}
	b.told = true
	l.log.Warn("the log of a container broke off; it is read again", "pod", l.pod, "container", l.container, "error", err)
}

// pause waits until the next reading, which checks a whole one at once. After a follower
// that ended without an error, the container's end will come.
func (l *logReader) pause(ctx context.Context, err error, check bool, wait *backoff.Backoff) {
	if check {
		return
	}
	d, wake := backoff.Jitter(wait.Next()), l.ended
	if runner.IsClosed(l.ended) {
		wake = nil
	}
	if status := (*kube.StatusError)(nil); errors.As(err, &status) && status.RetryAfter > 0 {
		d, wake = status.RetryAfter, nil
	}
	if err == nil {
		d = max(d, endPause)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// isFinal reports that the log is not there. Before the container has ended, and shortly
// after a restart of the kubelet, it may still come.
func isFinal(err error) bool {
	var status *kube.StatusError
	return errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusBadRequest)
}

// neverRan reports that there is no log because the container never ran.
func neverRan(err error) bool {
	var status *kube.StatusError
	return errors.As(err, &status) && status.Code == http.StatusBadRequest &&
		(strings.Contains(status.Message, "is waiting to start") || strings.Contains(status.Message, "is not available") ||
			strings.Contains(status.Message, "is terminated"))
}

// giveUp writes that the rest of a log cannot be had. It returns errNotApart, and writes nothing, if
// the log is to be read as one.
func (l *logReader) giveUp(c *logCursor, held string, err error) error {
	if err := c.shown.show(); err != nil {
		return err
	}
	why := whyRotated
	switch {
	case kube.IsNotFound(err):
		why = whyGone
	case errors.Is(err, errBroken):
		why = whyBroken
	case neverRan(err) && c.at.first == 0:
		return nil
	case err != nil:
		why = err.Error()
	}
	c.lose(held, why)
	return nil
}
