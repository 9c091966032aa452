package tasklog

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// Writer takes what one attempt of a task prints. Its two streams may be written
// at the same time, each by one goroutine.
type Writer struct {
	log            *log
	task, attempt  int
	stdout, stderr stream
	close          sync.Once
	err            error
}

func newWriter(l *log, task, attempt int) *Writer {
	w := &Writer{log: l, task: task, attempt: attempt}
	w.stdout = stream{writer: w, flag: "o"}
	w.stderr = stream{writer: w, flag: "e"}
	return w
}

// Stdout takes what the attempt prints to its standard output.
func (w *Writer) Stdout() io.Writer { return &w.stdout }

// Stderr takes what the attempt prints to its standard error.
func (w *Writer) Stderr() io.Writer { return &w.stderr }

// Close writes the last lines, also without a newline, and returns when all that
// was written is on disk. An attempt that printed nothing costs nothing. A second
// Close returns what the first did.
func (w *Writer) Close() error {
	w.close.Do(func() {
		w.err = errors.Join(w.stdout.flush(), w.stderr.flush())
		if w.stdout.wrote || w.stderr.wrote {
			w.err = errors.Join(w.err, w.log.sync())
		}
		w.log.store.release(w.log)
	})
	return w.err
}

// stream cuts one stream into lines.
type stream struct {
	writer  *Writer
	flag    string
	partial []byte // of a line whose end has not come, at most MaxLine
	wrote   bool
}

// Write stores the lines that p completes and keeps the rest for later.
func (s *stream) Write(p []byte) (int, error) {
	var whole []piece
	rest := p
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		room := MaxLine - len(s.partial)
		switch {
		case len(line) > room:
			whole = append(whole, piece{s.take(line[:room]), true})
			rest = rest[room:]
		case ended:
			whole = append(whole, piece{s.take(line), false})
			rest = after
		default:
			s.partial = append(s.partial, line...)
			rest = nil
		}
	}
	if err := s.store(whole); err != nil {
		return 0, err
	}
	return len(p), nil
}

// piece is a line, or as much of it as one record takes.
type piece struct {
	text      []byte
	continued bool
}

// take joins what was kept with what ends it.
func (s *stream) take(end []byte) []byte {
	if len(s.partial) == 0 {
		return end
	}
	text := append(s.partial, end...)
	s.partial = nil
	return text
}

func (s *stream) flush() error {
	if len(s.partial) == 0 {
		return nil
	}
	return s.store([]piece{{s.take(nil), false}})
}

func (s *stream) store(pieces []piece) error {
	if len(pieces) == 0 {
		return nil
	}
	s.wrote = true
	return s.writer.log.append(func(nanos int64) []byte {
		var buf []byte
		for _, p := range pieces {
			r := record{time: nanos, task: s.writer.task, attempt: s.writer.attempt, flags: s.flag, text: p.text}
			if p.continued {
				r.flags += "+"
			}
			buf = r.encode(buf)
		}
		return buf
	})
}
