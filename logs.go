package runwith

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/url"
	"strconv"
	"time"
)

const (
	eventType = "text/event-stream"
	// maxEvent is the longest line of an event stream, in bytes. A task's line is
	// split at 256 KiB, and JSON encodes some characters as six bytes.
	maxEvent = 4 << 20
)

// LogsOptions select lines for [Client.Logs]. The zero value selects the lines that
// exist now.
type LogsOptions struct {
	// Follow also selects future lines, until the invocation has settled.
	Follow bool
	// Task selects the lines of the task with this index; nil selects every task.
	Task *int
	// After is the Position of a line: the log goes on behind it. Empty begins with the first.
	After string
	// OnBreak is called with the error when a followed stream breaks, before Logs tries to go on.
	// It is not called again before the next line. Nil calls nothing.
	OnBreak func(error)
}

// Logs returns an iterator over the output of an invocation's tasks, in order of
// time. It stops after the first error: [NotFound] for an unknown invocation,
// [Unavailable] if the stream broke. A loop that ends without an error has seen
// every line. Each loop starts again at the same place. o may be nil.
//
// With Follow, a stream that breaks goes on behind the last line, as long as the invoker
// answers within a minute.
func (c *Client) Logs(ctx context.Context, id string, o *LogsOptions) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		f := follower{Client: c, id: id}
		if o != nil {
			f.options = *o
		}
		if err := f.follow(ctx, yield); err != nil {
			yield(LogLine{}, err)
		}
	}
}

// maxSilence is how long a followed log waits for an invoker that has answered before. A
// server restarts in less.
const maxSilence = time.Minute

// follower reads a log, maybe over several connections.
type follower struct {
	*Client
	id      string
	options LogsOptions // After is the position of the last line
	lines   int
	last    time.Time // when the last stream ended; zero: there was none
	pause   time.Duration
}

func (f *follower) follow(ctx context.Context, yield func(LogLine, error) bool) error {
	for {
		err := f.logs(ctx, f.id, &f.options, func(line LogLine, err error) bool {
			f.options.After, f.pause = line.Position, 0
			f.lines++
			return yield(line, err)
		})
		if err == nil || !f.resumable(err) || ctx.Err() != nil {
			return err
		}
		if f.pause == 0 && f.options.OnBreak != nil {
			f.options.OnBreak(err)
		}
		f.pause = longer(f.pause)
		if err := sleep(ctx, min(retryAfter(err), maxRetryAfter)+about(f.pause), err); err != nil {
			return err
		}
	}
}

// resumable reports whether the log may go on after an error. An old invoker sends lines
// without positions, behind which no log can go on.
func (f *follower) resumable(err error) bool {
	switch CodeOf(err) {
	case Unavailable, DeadlineExceeded, ResourceExhausted:
	default:
		return false
	}
	known := f.lines == 0 || f.options.After != ""
	return f.options.Follow && known && !f.last.IsZero() && time.Since(f.last) < maxSilence
}

// logs reads one stream. It returns nil at the end of the log, and when the caller leaves the
// loop.
func (f *follower) logs(ctx context.Context, id string, o *LogsOptions, yield func(LogLine, error) bool) error {
	c := f.Client
	path, err := escape("invocations", "invocation", id)
	if err != nil {
		return err
	}
	r := request{path: path + "/logs", accept: eventType, query: o.values()}
	response, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	defer func() { f.last = time.Now() }() // a job may print nothing for hours

	for event, err := range events(response.Body) {
		if err != nil {
			return broken(response.Request, err)
		}
		switch event.name {
		case "line":
			var line LogLine
			if err := json.Unmarshal(event.data, &line); err != nil {
				return &Error{Code: Internal, Message: "the invoker sent a line that is not JSON", Err: err}
			}
			line.Position = event.id
			if !yield(line, nil) {
				return nil
			}
		case "end":
			return nil
		case "error":
			return eventError(event.data)
		}
	}
	return broken(response.Request, io.ErrUnexpectedEOF)
}

// values returns the query of a request for a log.
func (o *LogsOptions) values() url.Values {
	query := url.Values{}
	if o == nil {
		return query
	}
	if o.Follow {
		query.Set("follow", "true")
	}
	if o.Task != nil {
		query.Set("task", strconv.Itoa(*o.Task))
	}
	if o.After != "" {
		query.Set("after", o.After)
	}
	return query
}

// eventError returns the problem in an event's data.
func eventError(data []byte) error {
	var p problem
	if err := json.Unmarshal(data, &p); err != nil {
		return &Error{Code: Internal, Message: "the invoker sent an error that is not JSON", Err: err}
	}
	return p.err(0)
}

// event is one server-sent event.
type event struct {
	name string // empty if the stream sets none
	id   string // of the last event that has one
	data []byte // valid until the next event
}

// events reads server-sent events to the end of r. Lines end with LF or CRLF. It
// drops a last event without a terminating empty line, as the standard requires.
// See https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream.
func events(r io.Reader) iter.Seq2[event, error] {
	return func(yield func(event, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxEvent)
		name, id, data, hasData := "", "", []byte(nil), false
		for lines.Scan() {
			field, value, _ := bytes.Cut(lines.Bytes(), []byte(":"))
			value = bytes.TrimPrefix(value, []byte(" "))
			switch {
			case len(lines.Bytes()) == 0:
				if hasData && !yield(event{name: name, id: id, data: data}, nil) {
					return
				}
				name, data, hasData = "", data[:0], false
			case string(field) == "event":
				name = string(value)
			case string(field) == "id":
				id = string(value)
			case string(field) == "data":
				if hasData {
					data = append(data, '\n')
				}
				data, hasData = append(data, value...), true
			}
			if len(data) > maxEvent {
				yield(event{}, errors.New("event is too long"))
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(event{}, err)
		}
	}
}
