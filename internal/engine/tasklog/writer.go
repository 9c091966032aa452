package tasklog

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
)

// Writer takes what one attempt of a task prints. Streams may be written at the same
// time, each by one goroutine.
type Writer struct {
	log           *log
	task, attempt int
	close         sync.Once
	err           error

	mu         sync.Mutex
	containers map[int]*streams
}

// streams are both of a container.
type streams struct{ stdout, stderr stream }

func newWriter(l *log, task, attempt int) *Writer {
	return &Writer{log: l, task: task, attempt: attempt, containers: make(map[int]*streams)}
}

// Container takes what a container of the attempt prints, by its index: to its standard
// output, and to its standard error. The lines of several stay whole.
func (w *Writer) Container(i int) (out, err io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.containers[i] == nil {
		w.containers[i] = &streams{
			stdout: stream{writer: w, container: i, kind: stdout}, stderr: stream{writer: w, container: i, kind: stderr},
		}
	}
	return &w.containers[i].stdout, &w.containers[i].stderr
}

// Stdout takes what the first container prints to its standard output, or the only one.
func (w *Writer) Stdout() io.Writer {
	out, _ := w.Container(0)
	return out
}

// Stderr takes what it prints to its standard error.
func (w *Writer) Stderr() io.Writer {
	_, err := w.Container(0)
	return err
}

// flush writes the last lines, also without a newline, and reports whether anything was
// ever printed.
func (w *Writer) flush() (wrote bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, i := range slices.Sorted(maps.Keys(w.containers)) {
		for _, s := range []*stream{&w.containers[i].stdout, &w.containers[i].stderr} {
			errs = append(errs, s.flush())
			wrote = wrote || s.wrote
		}
	}
	return wrote, errors.Join(errs...)
}

// Close writes the last lines, also without a newline, and returns when all output is
// on disk. An attempt that printed nothing costs no sync. A second Close returns the
// result of the first.
func (w *Writer) Close() error {
	w.close.Do(func() {
		var wrote bool
		if wrote, w.err = w.flush(); wrote {
			w.err = errors.Join(w.err, w.log.sync())
		}
		w.log.store.release(w.log)
	})
	return w.err
}

// Leave closes the Writer of an attempt that runs on. It drops the last lines, whose ends
// have not come: the process that adopts the attempt reads its output again and writes
// them whole.
func (w *Writer) Leave() error {
	w.mu.Lock()
	for _, c := range w.containers {
		c.stdout.partial, c.stderr.partial = nil, nil
	}
	w.mu.Unlock()
	return w.Close()
}

// stream cuts one stream into lines.
type stream struct {
	writer    *Writer
	container int
	kind      kind
	partial   []byte // of a line whose end has not come, at most MaxLine
	wrote     bool
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
	return record{
		task: s.writer.task, attempt: s.writer.attempt, container: s.container,
		kind: s.kind, continued: continued, text: text,
	}
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
