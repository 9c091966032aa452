package logging

import (
	"context"
	"errors"
	"io"
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
)

// TailLogEntries streams new entries, also those of executions that begin later.
//
// Deviation: without a buffer_window entries are sent at once, while Google holds them
// for two seconds. Here lines do not come late. A stream has no time limit; Google ends
// it after an hour.
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
	t := &tail{engine: s.engine, stream: stream, window: req.GetBufferWindow().AsDuration()}
	if t.selection, err = newSelection(stream.Context(), projects, req.Filter); err != nil {
		return err
	}
	if t.window < 0 || t.window > maxWindow {
		return runwith.Errorf(runwith.InvalidArgument, "buffer_window: is %v, must be 0s to %v", t.window, maxWindow)
	}
	t.watch = s.engine.WatchLogs()
	defer t.watch.Close()
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
	stream loggingpb.LoggingServiceV2_TailLogEntriesServer
	watch  *tasklog.Watch
	window time.Duration

	// suppressed counts the entries that were suppressed since the last answer.
	suppressed int
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
		if err := t.send(ctx); err != nil {
			return err
		}
	}
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

// send reads new lines in the order of time and sends the matching entries. A slow caller
// blocks it, and meanwhile the watch collects the new lines.
func (t *tail) send(ctx context.Context) error {
	m, behind := t.merge()
	res := &loggingpb.TailLogEntriesResponse{}
	for passed, bytes := int64(0), 0; ; {
		next, err := m.next(ctx)
		if errors.Is(err, io.EOF) {
			return t.flush(res)
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		passed += int64(len(next.Text))
		e, ok := t.take(next)
		switch {
		case !ok:
			continue
		case passed < behind-maxBehind:
			t.suppressed++
			continue
		}
		res.Entries = append(res.Entries, e)
		if bytes += proto.Size(e); bytes >= maxPage || len(res.Entries) == maxEntries {
			if err := t.flush(res); err != nil {
				return err
			}
			res, bytes = &loggingpb.TailLogEntriesResponse{}, 0
		}
	}
}

// merge takes the new lines from the watch, and returns their size in bytes.
func (t *tail) merge() (m *merge, behind int64) {
	m = &merge{}
	spans, missed := t.watch.Take()
	t.suppressed += missed
	for _, span := range spans {
		behind += span.To - span.From
	}
	for i, span := range spans {
		if excess := min(behind-maxBehind-maxCounted, span.To-span.From); excess > 0 {
			span.From += excess
			behind -= excess
			t.suppressed++ // at least
		}
		name, err := jobspec.ParseExecution(span.Label)
		if err != nil || !t.mayHave(name) {
			behind -= span.To - span.From
			continue
		}
		m.sources = append(m.sources, &source{id: int64(i), reader: t.engine.ReadSpan(span, t.query), maker: newMaker(name)})
	}
	return m, behind
}

// flush sends an answer unless it is empty.
func (t *tail) flush(res *loggingpb.TailLogEntriesResponse) error {
	if t.suppressed > 0 {
		res.SuppressionInfo = []*loggingpb.TailLogEntriesResponse_SuppressionInfo{{
			Reason:          loggingpb.TailLogEntriesResponse_SuppressionInfo_NOT_CONSUMED,
			SuppressedCount: int32(t.suppressed),
		}}
	}
	if len(res.Entries) == 0 && t.suppressed == 0 {
		return nil
	}
	t.suppressed = 0
	return t.stream.Send(res)
}
