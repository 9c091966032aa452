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
}

// Logs returns an iterator over the output of an invocation's tasks, in order of
// time. It stops after the first error: [NotFound] for an unknown invocation,
// [Unavailable] if the stream broke. A loop that ends without an error has seen
// every line. Each loop starts again at the first line. o may be nil.
func (c *Client) Logs(ctx context.Context, id string, o *LogsOptions) iter.Seq2[LogLine, error] {
	return func(yield func(LogLine, error) bool) {
		if err := c.logs(ctx, id, o, yield); err != nil {
			yield(LogLine{}, err)
		}
	}
}

// logs returns nil at the end of the log, and when the caller leaves the loop.
func (c *Client) logs(ctx context.Context, id string, o *LogsOptions, yield func(LogLine, error) bool) error {
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
