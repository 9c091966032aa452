package tasklog

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"sync"
)

// Writer takes the output of one attempt. Its streams may be written concurrently, each
// by one goroutine.
type Writer struct {
	log           *log
	task, attempt int
	close         sync.Once
	err           error

	mu         sync.Mutex
	containers map[int]*streams

	losing sync.Mutex
	lost   bool // the rest of the attempt's output is not kept
	told   bool // the log has a notice about that
}

// streams are those of one container.
type streams struct{ stdout, stderr stream }

func (s *streams) both() [2]*stream { return [2]*stream{&s.stdout, &s.stderr} }

func newWriter(l *log, task, attempt int) *Writer {
	return &Writer{log: l, task: task, attempt: attempt, containers: make(map[int]*streams)}
}

// Container returns writers of the standard output and standard error of one container,
// by its index. Lines of several containers do not mix.
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

// Stdout returns a writer of the first container's standard output.
func (w *Writer) Stdout() io.Writer {
	out, _ := w.Container(0)
	return out
}

// Stderr returns a writer of the first container's standard error.
func (w *Writer) Stderr() io.Writer {
	_, err := w.Container(0)
	return err
}

// flush writes incomplete lines, and reports whether this Writer ever wrote anything.
func (w *Writer) flush() (wrote bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, i := range slices.Sorted(maps.Keys(w.containers)) {
		for _, s := range w.containers[i].both() {
			did, err := s.flush()
			wrote, errs = wrote || did, append(errs, err)
		}
	}
	return wrote, errors.Join(errs...)
}

// Close writes incomplete lines and returns when all output is on disk. An attempt
// without output costs no sync. A second Close returns the result of the first.
func (w *Writer) Close() error {
	w.close.Do(func() {
		var wrote bool
		if wrote, w.err = w.flush(); wrote {
			w.err = errors.Join(w.err, w.tellLoss())
			w.err = errors.Join(w.err, w.log.sync())
		}
		w.log.store.release(w.log)
	})
	return w.err
}

// Leave closes the Writer of an attempt that runs on. It drops lines without an end, and all
// later output: the process that adopts the attempt reads its output again.
func (w *Writer) Leave() error {
	w.lose()
	w.mu.Lock()
	for _, c := range w.containers {
		for _, s := range c.both() {
			s.drop()
		}
	}
	w.mu.Unlock()
	return w.Close()
}

// stream cuts one stream into lines.
type stream struct {
	writer    *Writer
	container int
	kind      kind

	mu      sync.Mutex // a runner may still write when the Writer is closed
	partial []byte     // the incomplete line, at most MaxLine
	wrote   bool
}

// Write stores the lines that p completes and keeps the rest.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

// record makes a record of the incomplete line and its end, or of the part of a line
// that fits into one record.
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

// flush writes the incomplete line, and reports whether the stream ever wrote anything.
func (s *stream) flush() (wrote bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.partial) > 0 {
		err = s.store([]record{s.record(nil, false)})
	}
	return s.wrote, err
}

// drop forgets the incomplete line.
func (s *stream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial = nil
}

func (s *stream) store(lines []record) error {
	for len(lines) > 0 {
		s.wrote = true
		n, size := 0, 0
		for n < len(lines) && size < 2*blockSize {
			size += len(lines[n].text) + maxHeader/4 // about the size of a header
			n++
		}
		if err := s.writer.append(lines[:n]); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}
