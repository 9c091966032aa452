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
	w.stdout = stream{writer: w, kind: stdout}
	w.stderr = stream{writer: w, kind: stderr}
	return w
}

// Stdout takes what the attempt prints to its standard output.
func (w *Writer) Stdout() io.Writer { return &w.stdout }

// Stderr takes what the attempt prints to its standard error.
func (w *Writer) Stderr() io.Writer { return &w.stderr }

// System writes a line of the platform's about the attempt, behind all that it has
// printed so far. Its streams must not be written at the same time.
func (w *Writer) System(level Level, text string) error {
	return errors.Join(w.stdout.flush(), w.stderr.flush(),
		w.log.append(record{task: w.task, attempt: w.attempt, kind: system, level: level, text: []byte(text[:min(len(text), MaxLine)])}))
}

// Close writes the last lines, also without a newline, and returns when all that
// was printed is on disk. What only the platform said is not waited for: an attempt
// that printed nothing costs no sync. A second Close returns what the first did.
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
	kind    kind
	partial []byte // of a line whose end has not come, at most MaxLine
	wrote   bool
}

// Write stores the lines that p completes and keeps the rest for later.
func (s *stream) Write(p []byte) (int, error) {
	var whole []record
	rest := p
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		room := MaxLine - len(s.partial)
		switch {
		case len(line) > room:
			whole = append(whole, s.record(line[:room], true))
			rest = rest[room:]
		case ended:
			whole = append(whole, s.record(line, false))
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

// record is a line that ends so, or as much of it as one record takes.
func (s *stream) record(end []byte, continued bool) record {
	text := end
	if len(s.partial) > 0 {
		text = append(s.partial, end...)
		s.partial = nil
	}
	return record{task: s.writer.task, attempt: s.writer.attempt, kind: s.kind, continued: continued, text: text}
}

func (s *stream) flush() error {
	if len(s.partial) == 0 {
		return nil
	}
	return s.store([]record{s.record(nil, false)})
}

func (s *stream) store(lines []record) error {
	for len(lines) > 0 {
		s.wrote = true
		n, size := 0, 0
		for n < len(lines) && size < 2*blockSize {
			size += len(lines[n].text) + maxHeader/4 // as long as the first line of a record is
			n++
		}
		if err := s.writer.log.append(lines[:n]...); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}
