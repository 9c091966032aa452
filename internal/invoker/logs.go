package invoker

import (
	"context"
	"iter"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

const (
	// logTimeout bounds a read of a log.
	logTimeout = 60 * time.Second
	// maxLogPages is how many pages of logs may be in memory, because a page has megabytes.
	maxLogPages = 4
	// logPatience is how long a page is kept in memory for a slow caller. Then its rest is
	// dropped, and read again when the caller has taken the lines before.
	logPatience = time.Second
	// localLogPause is the longest pause between two reads of a followed log on a Local
	// Cloud Run, which has no quota.
	localLogPause = 400 * time.Millisecond
	// maxLogFailures is how many reads in a row may fail after an invocation has settled.
	// Before, a read that fails is always repeated.
	maxLogFailures = 5
)

// LogQuery selects lines of an invocation's log. The zero value selects the lines that
// exist now.
type LogQuery struct {
	// Follow goes on with new output, until the invocation has settled and its log was
	// read once more.
	Follow bool
	// Task selects the lines of the task with this index; nil selects every task.
	Task *int
	// Stream selects the lines of stdout or stderr; empty selects both.
	Stream string
	// After is the Position of a line: lines up to it are left out.
	After string
	// Before is the Position of a line: it and the lines behind it are left out. It needs Tail.
	Before string
	// Tail, unless it is 0, is how many lines to begin with, from the end. There are fewer if
	// they are long.
	Tail int
	// Ready waits until the caller can take another line.
	// It returns ctx's error if ctx ends first. Nil: yield waits.
	Ready func(ctx context.Context) error
}

// Logs yields the output of an invocation's tasks, in the order of time. An error ends the
// sequence.
func (v *Invoker) Logs(ctx context.Context, id string, q LogQuery) iter.Seq2[runwith.LogLine, error] {
	return func(yield func(runwith.LogLine, error) bool) {
		l := &logReader{Invoker: v, id: id, query: q, delay: v.config.PollMin, yield: yield}
		if err := l.read(ctx); err != nil {
			yield(runwith.LogLine{}, err)
		}
	}
}

// logReader reads a log for one caller.
type logReader struct {
	*Invoker
	id    string
	query LogQuery
	yield func(runwith.LogLine, error) bool

	cursor  cloudrun.Cursor
	after   cloudrun.LogPlace // of the query
	before  cloudrun.LogPlace // of the query
	passed  cloudrun.LogPlace // the last line's so far
	delay   time.Duration     // before the next read
	fails   int               // reads in a row that failed
	behind  bool              // the rest of a page was dropped
	stopped bool              // the caller wants no more
	settled time.Time         // when that was seen; zero: it has not
}

func (l *logReader) read(ctx context.Context) error {
	if err := l.places(); err != nil {
		return err
	}
	i, err := l.begin(ctx)
	if err != nil || i.Execution == "" {
		return err
	}
	if err := l.query.fits(i); err != nil {
		return err
	}
	defer l.awaiting.expect(l.id)()
	l.cursor = l.begins(i)
	changed, end := l.store.Subscribe(l.id)
	defer end()
	if l.query.Tail > 0 {
		if err := l.tail(ctx, i.Execution); err != nil || l.stopped || l.before != (cloudrun.LogPlace{}) {
			return err
		}
	}
	for {
		// Read the state before the log: then the log that was read has all that was
		// printed before the end.
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

// begin returns the invocation. To follow its log, it waits until there is an execution,
// or certainly none.
func (l *logReader) begin(ctx context.Context) (runwith.Invocation, error) {
	if !l.query.Follow {
		return l.Invocation(ctx, l.id)
	}
	return l.waitUntil(ctx, l.id, func(i runwith.Invocation) bool { return i.Execution != "" || i.State.Settled() })
}

// fits refuses a task that an invocation with a known execution does not have.
func (q LogQuery) fits(i runwith.Invocation) error {
	if q.Task == nil || *q.Task < i.Counts.Tasks || i.Counts.Tasks == 0 {
		return nil
	}
	return invalid("task", "the last task of invocation %s is %d", i.ID, i.Counts.Tasks-1)
}

// look notes whether the invocation has settled.
func (l *logReader) look(ctx context.Context) error {
	r, err := l.store.Find(ctx, l.id)
	if err == nil && l.settled.IsZero() && r.State.Settled() {
		l.settled, l.delay = machineNow(), l.config.PollMin
	}
	if err == nil && l.query.Follow {
		l.awaiting.begin(r)
	}
	return err
}

// drain yields everything that can be read now.
func (l *logReader) drain(ctx context.Context, execution string) error {
	for more := true; more && !l.stopped; more = l.cursor.More() || l.behind {
		if err := l.ready(ctx); err != nil {
			return err
		}
		if err := l.step(ctx, execution); err != nil {
			return l.failed(ctx, err)
		}
		l.fails = 0
	}
	return nil
}

// step reads a page and yields its lines. If the caller does not take them in time, step
// drops the rest and leaves the cursor before it.
func (l *logReader) step(ctx context.Context, execution string) error {
	lines, next, err := l.page(ctx, execution)
	if err != nil {
		return err
	}
	defer func() { <-l.logPages }()
	patient, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	for n, line := range lines {
		if l.behind = l.ready(patient) != nil; l.behind {
			l.cursor = next.Behind(n)
			return ctx.Err()
		}
		l.delay = l.config.PollMin
		if !l.give(line) {
			return nil
		}
	}
	l.cursor, l.behind = next.Behind(len(lines)), false
	return nil
}

func (l *logReader) ready(ctx context.Context) error {
	if l.query.Ready == nil {
		return ctx.Err()
	}
	return l.query.Ready(ctx)
}

// page reads a page. If it succeeds, the caller releases a place of logPages.
func (l *logReader) page(ctx context.Context, execution string) ([]runwith.LogLine, cloudrun.Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	if err := l.pass(ctx, l.logReads, urgent); err != nil {
		return nil, l.cursor, err
	}
	select {
	case l.logPages <- struct{}{}:
	case <-ctx.Done():
		return nil, l.cursor, ctx.Err()
	}
	lines, next, err := l.cloud.LogEntries(ctx, execution, l.cursor)
	l.logReads.told(err)
	if err != nil {
		<-l.logPages
	}
	return lines, next, err
}

// failed returns the error of a read, or nil if the read is to be repeated.
func (l *logReader) failed(ctx context.Context, err error) error {
	l.fails++
	last := !l.settled.IsZero() && l.fails >= maxLogFailures
	if !l.query.Follow || last || ctx.Err() != nil || cloudrun.OutcomeOf(err) == cloudrun.Refused {
		return err
	}
	l.logger.WarnContext(ctx, "log cannot be read", "invocation", l.id, "code", runwith.CodeOf(err), "error", err)
	return nil
}

// complete reports whether everything was yielded, or the caller wants no more.
func (l *logReader) complete() bool {
	if l.stopped || !l.query.Follow {
		return true
	}
	return !l.settled.IsZero() && l.fails == 0 && elapsed(l.settled) >= l.config.LogDelay
}

// wait returns nil when the log is due: after the delay, or when the invocation has
// changed.
func (l *logReader) wait(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(backoff.Jitter(l.delay))
	defer timer.Stop()
	most := l.config.PollMax
	if l.config.Local {
		most = min(most, localLogPause)
	}
	l.delay = growth(l.delay, most)
	select {
	case <-timer.C:
		return nil
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.closing.Done():
		return stopping()
	}
}
