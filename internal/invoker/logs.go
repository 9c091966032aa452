package invoker

import (
	"context"
	"iter"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

const (
	// logTimeout bounds a read of a log.
	logTimeout = 60 * time.Second
	// maxLogFailures is how many reads in a row may fail once an invocation is
	// settled. Until then a read that fails is tried again.
	maxLogFailures = 5
)

// Logs yields what the tasks of an invocation have printed, in the order of time.
// With follow it goes on as they print, until the invocation is settled and its
// log was read once more. An error ends the sequence.
func (v *Invoker) Logs(ctx context.Context, id string, follow bool) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		l := &logReader{Invoker: v, id: id, follow: follow, delay: v.config.PollMin, yield: yield}
		if err := l.read(ctx); err != nil {
			yield(runwith.LogLine{}, err)
		}
	}
}

// logReader is one caller's way through a log.
type logReader struct {
	*Invoker
	id     string
	follow bool
	yield  func(runwith.LogLine, error) bool

	cursor  cloudrun.Cursor
	delay   time.Duration // before the next read
	fails   int           // reads in a row that failed
	stopped bool          // the caller wants no more
	settled time.Time     // since when the invocation is; zero: it is not
}

func (l *logReader) read(ctx context.Context) error {
	i, err := l.begin(ctx)
	if err != nil || i.Execution == "" {
		return err
	}
	l.cursor = cloudrun.LogSince(i.Created.Add(-clockSkew))
	changed, end := l.changes.Subscribe(l.id)
	defer end()
	for {
		// The state is read before the log: what was printed before the end is
		// then in what is read.
		if err := l.look(ctx); err != nil {
			return err
		}
		if err := l.drain(ctx, i.Execution); err != nil || l.complete() {
			return err
		}
		if err := l.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// begin returns the invocation; where the log is followed, once there is an
// execution or certainly none.
func (l *logReader) begin(ctx context.Context) (runwith.Invocation, error) {
	if !l.follow {
		return l.Invocation(ctx, l.id)
	}
	return l.waitUntil(ctx, l.id, func(i runwith.Invocation) bool { return i.Execution != "" || i.State.Settled() })
}

// look finds out whether the invocation is settled.
func (l *logReader) look(ctx context.Context) error {
	i, err := l.Invocation(ctx, l.id)
	if err == nil && l.settled.IsZero() && i.State.Settled() {
		l.settled, l.delay = time.Now(), l.config.PollMin
	}
	return err
}

// drain yields what is there to read now.
func (l *logReader) drain(ctx context.Context, execution string) error {
	for {
		lines, next, err := l.page(ctx, execution)
		if err != nil {
			return l.failed(ctx, err)
		}
		l.cursor, l.fails = next, 0
		for _, line := range lines {
			l.delay = l.config.PollMin
			if !l.yield(line, nil) {
				l.stopped = true
				return nil
			}
		}
		if !next.More() {
			return nil
		}
	}
}

func (l *logReader) page(ctx context.Context, execution string) ([]runwith.LogLine, cloudrun.Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	if err := l.pass(ctx, l.logs); err != nil {
		return nil, l.cursor, err
	}
	lines, next, err := l.cloud.LogEntries(ctx, execution, l.cursor)
	l.logs.told(err)
	return lines, next, err
}

// failed returns the error that a read came to, or nil where it is tried again.
func (l *logReader) failed(ctx context.Context, err error) error {
	l.fails++
	last := !l.settled.IsZero() && l.fails >= maxLogFailures
	if !l.follow || last || ctx.Err() != nil || cloudrun.OutcomeOf(err) == cloudrun.Refused {
		return err
	}
	l.logger.WarnContext(ctx, "log cannot be read", "invocation", l.id, "code", runwith.CodeOf(err), "error", err)
	return nil
}

// complete reports whether everything was yielded, or nobody wants more.
func (l *logReader) complete() bool {
	if l.stopped || !l.follow {
		return true
	}
	return !l.settled.IsZero() && l.fails == 0 && time.Since(l.settled) >= l.config.LogDelay
}

// wait returns when the log is to be read again: after the delay, or when the
// invocation has changed.
func (l *logReader) wait(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(jitter(l.delay))
	defer timer.Stop()
	l.delay = growth(l.delay, l.config.PollMax)
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing.Done():
		return stopping()
	}
	return nil
}
