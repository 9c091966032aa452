package requestfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jsonnames"
	"github.com/runwith/runwith/internal/surrogate"
)

// overrides are the fields of runwith.Overrides without its methods.
type overrides runwith.Overrides

// line is one line of a file: the body of a request that starts a job, and its key.
type line struct {
	Key        *string           `json:"key"`
	Parameters map[string]any    `json:"parameters"`
	Labels     map[string]string `json:"labels"`
	Callback   *runwith.Callback `json:"callback"`
	StartAt    time.Time         `json:"startAt"`
	overrides
	Timeout string `json:"timeout"`
}

// decode reads a line. It refuses fields that a request does not have.
func decode(text []byte) (l line, err error) {
	if !utf8.Valid(text) {
		return l, errors.New("is not UTF-8")
	}
	if text[0] != '{' {
		return l, errors.New(`must be a JSON object such as {"parameters":{"tenant":"acme"}}`)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, readable(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return l, errors.New("has text after the JSON object; each line is one request")
	}
	if surrogate.Lone(text) >= 0 { // the API refuses it too, but d has replaced it with U+FFFD
		return l, errors.New("has a single surrogate, which is no character")
	}
	if name, at := jsonnames.Repeated(text); at > 0 {
		return l, fmt.Errorf("field %q occurs twice", name)
	}
	if l.Timeout != "" {
		if l.overrides.Timeout, err = time.ParseDuration(l.Timeout); err != nil || l.overrides.Timeout < time.Second {
			return l, errors.New("timeout: must be a time in whole seconds, such as 10s, 600s or 1h30m")
		}
	}
	return l, nil
}

// readable returns a decoding error without values and types of Go.
func readable(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be %s", cmp.Or(strings.TrimPrefix(e.Field, "overrides."), "a value"), e.Value)
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return errors.New("startAt: must be a time in RFC 3339, such as 2026-12-01T02:00:00Z")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("malformed JSON: it ends too early; each line is one request")
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: "); ok {
		return errors.New(text)
	}
	return fmt.Errorf("malformed JSON: %w", err)
}

// over returns the request of a line. The line's fields go before the defaults.
func (l line) over(q runwith.Request) runwith.Request {
	q.Parameters, q.Labels = merged(q.Parameters, l.Parameters), merged(q.Labels, l.Labels)
	if l.Callback != nil {
		q.Callback = l.Callback
	}
	if !l.StartAt.IsZero() {
		q.StartAt = l.StartAt
	}
	o := &q.Overrides
	o.Env = merged(o.Env, l.Env)
	if l.Args != nil {
		o.Args = l.Args
	}
	if l.Containers != nil {
		o.Containers = l.Containers
	}
	o.TaskCount, o.Timeout = cmp.Or(l.TaskCount, o.TaskCount), cmp.Or(l.overrides.Timeout, o.Timeout)
	return q
}

// merged returns the names of both maps; those of b go first. It changes neither.
func merged[V any](a, b map[string]V) map[string]V {
	switch {
	case len(b) == 0:
		return a
	case len(a) == 0:
		return b
	}
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
