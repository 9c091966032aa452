package logging

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"cloud.google.com/go/logging/apiv2/loggingpb"
	"google.golang.org/protobuf/proto"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine"
	"github.com/runwith/runwith/internal/engine/tasklog"
	"github.com/runwith/runwith/internal/jobspec"
)

const (
	// maxWindow is Google's limit.
	maxWindow = time.Minute
	// maxBehind is how many bytes of logs may wait for a slow reader. Older entries are
	// suppressed, and the reader gets their number.
	maxBehind = 16 << 20
	// maxCounted is how many bytes of suppressed entries are read to count them.
	maxCounted = 64 << 20
	// maxAnswer is the size in bytes at which an answer ends. The transport holds about
	// four of them for a slow reader.
	maxAnswer = 16 << 10
	// maxTails is the number of streams at a time, and maxReads how many of them read at a
	// time, because each then holds a piece of every log that has new lines.
	maxTails, maxReads = 256, 8
)

// TailLogEntries streams new entries, also those of executions that begin later.
//
// Deviation: without a buffer_window entries are sent at once, while Google holds them
// for two seconds. Here lines do not come late. A stream has no time limit; Google ends
// it after an hour. It ends if its caller reads nothing for 30 seconds while entries wait.
//
// See https://cloud.google.com/logging/docs/reference/v2/rpc/google.logging.v2#google.logging.v2.LoggingServiceV2.TailLogEntries.
func (s *Service) TailLogEntries(stream loggingpb.LoggingServiceV2_TailLogEntriesServer) error {
	req, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return runwith.Errorf(runwith.InvalidArgument, "the stream has no request: send one that says what to follow")
	}
	if err != nil {
		return err
	}
	projects, err := s.projects("resource_names", req.ResourceNames)
	if err != nil {
		return err
	}
	t := &tail{engine: s.engine, reads: s.reads, window: req.GetBufferWindow().AsDuration()}
	if t.selection, err = newSelection(stream.Context(), projects, req.Filter); err != nil {
		return err
	}
	if t.window < 0 || t.window > maxWindow {
		return runwith.Errorf(runwith.InvalidArgument, "buffer_window: is %v, must be 0s to %v", t.window, maxWindow)
	}
	select {
	case s.tails <- struct{}{}:
		defer func() { <-s.tails }()
	default:
		return runwith.Errorf(runwith.Unavailable, "%d callers follow logs already, which is the limit: try again when one has left", maxTails)
	}
	t.watch, t.outbox = s.engine.WatchLogs(), newOutbox(stream.Send)
	defer t.watch.Close()
	defer t.outbox.close()
	return t.run(stream.Context(), further(stream))
}

// further receives an error if the caller sends a second request.
func further(stream loggingpb.LoggingServiceV2_TailLogEntriesServer) <-chan error {
	received := make(chan error, 1)
	go func() { // it ends with the stream
		if _, err := stream.Recv(); err == nil {
			received <- runwith.Errorf(runwith.InvalidArgument, "a stream takes one request: open another stream for another filter")
		}
	}()
	return received
}

// tail serves one stream.
type tail struct {
	selection
	engine *engine.Engine
	reads  chan struct{} // one element for each stream that reads
	outbox *outbox
	watch  *tasklog.Watch
	window time.Duration

	// suppressed counts the entries that were suppressed since the last answer.
	suppressed int
	// left are the spans to read, behind the last answer.
	left []tasklog.Span
}

// run sends new entries until something ends the stream.
func (t *tail) run(ctx context.Context, further <-chan error) error {
	for {
		select {
		case <-t.watch.Ready():
		case err := <-further:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := t.hold(ctx); err != nil {
			return err
		}
		err := t.send(ctx)
		if errors.Is(err, errSlow) {
			err = t.rest(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// rest gives everything back that was not sent, and waits until the caller goes on.
func (t *tail) rest(ctx context.Context) error {
	t.watch.Return(t.left, true)
	t.left = nil
	if err := t.outbox.settle(ctx); err != nil {
		return err
	}
	t.watch.Return(nil, false)
	return nil
}

// hold waits for the caller's buffer_window.
func (t *tail) hold(ctx context.Context) error {
	if t.window == 0 {
		return nil
	}
	select {
	case <-time.After(t.window):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send reads new lines in the order of time and sends the matching entries. It returns
// errSlow if the caller does not keep up.
func (t *tail) send(ctx context.Context) error {
	select {
	case t.reads <- struct{}{}:
		defer func() { <-t.reads }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m, behind := t.merge()
	a := t.answer()
	for passed := int64(0); ; {
		next, err := m.next(ctx)
		if errors.Is(err, io.EOF) {
			return t.flush(ctx, a)
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		passed += int64(len(next.Text))
		a.left[next.source.id] = a.left[next.source.id].Behind(next.Entry)
		e, ok := t.take(next)
		switch {
		case !ok:
			continue
		case passed < behind-maxBehind:
			a.suppressed++
			continue
		}
		if a.add(e) {
			if err := t.flush(ctx, a); err != nil {
				return err
			}
			a = t.answer()
		}
	}
}

// answer is one that is being made.
type answer struct {
	entries    []*loggingpb.LogEntry
	bytes      int
	suppressed int
	left       []tasklog.Span // behind it
}

func (t *tail) answer() *answer { return &answer{suppressed: t.suppressed, left: slices.Clone(t.left)} }

// add adds an entry, and reports whether the answer is full.
func (a *answer) add(e *loggingpb.LogEntry) bool {
	a.entries = append(a.entries, e)
	a.bytes += proto.Size(e)
	return a.bytes >= maxAnswer || len(a.entries) == maxEntries
}

// merge takes the new lines from the watch, and returns their size in bytes.
func (t *tail) merge() (m *merge, behind int64) {
	spans, missed := t.watch.Take()
	t.suppressed += missed
	names, behind := t.keep(spans)
	m = &merge{}
	for i, span := range t.left {
		m.sources = append(m.sources, &source{id: int64(i), reader: t.engine.ReadSpan(span, t.query), maker: newMaker(names[i])})
	}
	return m, behind
}

// keep takes the spans that may have matching entries, and returns their executions and their size in
// bytes. If there is too much to count what is suppressed, it drops the oldest.
func (t *tail) keep(spans []tasklog.Span) (names []jobspec.ExecutionName, behind int64) {
	t.left = nil
	for _, span := range spans {
		if name, err := jobspec.ParseExecution(span.Label); err == nil && t.mayHave(name) {
			t.left, names = append(t.left, span), append(names, name)
			behind += span.To - span.From
		}
	}
	for i := range t.left {
		span := &t.left[i]
		if excess := min(behind-maxBehind-maxCounted, span.To-span.From); excess > 0 {
			span.From += excess
			behind -= excess
			t.suppressed++ // at least
		}
	}
	return names, behind
}

// flush sends an answer unless it is empty.
func (t *tail) flush(ctx context.Context, a *answer) error {
	if len(a.entries) == 0 && a.suppressed == 0 {
		return nil
	}
	res := &loggingpb.TailLogEntriesResponse{Entries: a.entries}
	if a.suppressed > 0 {
		res.SuppressionInfo = []*loggingpb.TailLogEntriesResponse_SuppressionInfo{{
			Reason:          loggingpb.TailLogEntriesResponse_SuppressionInfo_NOT_CONSUMED,
			SuppressedCount: int32(a.suppressed),
		}}
	}
	if err := t.outbox.put(ctx, res); err != nil {
		return err
	}
	t.suppressed, t.left = 0, a.left
	return nil
}
