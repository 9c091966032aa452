// Package requestfile reads requests to start a job from a file: one JSON object a line, in the
// form of the invoker's API, with the idempotency key in the field key.
package requestfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/runwith/runwith"
)

// MaxLine is the length limit of a line, in bytes: that of a request's body.
const MaxLine = 1 << 20

// Config is what a [Reader] reads.
type Config struct {
	// Name is the file's, for errors.
	Name string
	// Job is what the requests start. It is a part of derived keys.
	Job string
	// Scope is a part of derived keys. The same file with another scope is other work.
	Scope string
	// Defaults are for fields that a line does not have. Parameters, labels and variables are
	// merged by name. The time to start is no part of derived keys, so a time that depends on
	// now does not make other requests.
	Defaults runwith.Request
}

// Reader reads items.
type Reader struct {
	config  Config
	lines   *bufio.Scanner
	line    int
	derived map[string]int // how often a key was derived
}

// Item is a request of a file.
type Item struct {
	Line int // from 1
	Size int // of its JSON, in bytes
	runwith.StartItem
}

// New returns a reader of r.
func New(r io.Reader, c Config) *Reader {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, MaxLine+1)
	return &Reader{config: c, lines: lines, derived: map[string]int{}}
}

// Place returns the name of the file and a line, for messages about an item.
func (r *Reader) Place(line int) string { return fmt.Sprintf("%s:%d", r.config.Name, line) }

// Next returns the next item, or [io.EOF] after the last. Other errors name the file and the
// line.
func (r *Reader) Next() (Item, error) {
	for r.lines.Scan() {
		r.line++
		text := bytes.TrimSpace(r.lines.Bytes())
		if r.line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if len(text) == 0 {
			continue
		}
		item, err := r.item(text)
		if err != nil {
			return Item{}, fmt.Errorf("%s: %w", r.Place(r.line), err)
		}
		return item, nil
	}
	switch err := r.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return Item{}, fmt.Errorf("%s: is longer than %d bytes; each line is one request", r.Place(r.line+1), MaxLine)
	case err != nil:
		return Item{}, fmt.Errorf("read %s after line %d: %w", r.config.Name, r.line, err)
	}
	return Item{}, io.EOF
}

func (r *Reader) item(text []byte) (Item, error) {
	l, err := decode(text)
	if err != nil {
		return Item{}, err
	}
	item := Item{Line: r.line, StartItem: runwith.StartItem{Request: l.over(r.config.Defaults)}}
	encoded, err := json.Marshal(item.Request)
	if err != nil {
		return Item{}, errors.New("parameters must be strings, numbers or booleans")
	}
	if l.Key == nil {
		item.Key, err = r.key(item.Request, l.StartAt)
	} else if item.Key = *l.Key; item.Key == "" {
		err = errors.New("key: must not be empty; leave it out for one that is derived from the line")
	}
	item.Size = len(encoded) + len(item.Key) + len(`{"key":"",},`)
	return item, err
}
