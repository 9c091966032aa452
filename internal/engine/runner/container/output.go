package container

import (
	"bytes"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"

	"github.com/runwith/runwith/internal/engine/runner"
)

// maxHeld is how many bytes of an unfinished line are held back.
const maxHeld = 64 << 10

// cursor writes one stream of a container and counts how much it wrote, so that a reader
// from the start of the stream can continue there. After a failed write it drops the
// rest: the container is not affected.
type cursor struct {
	out io.Writer
	at  runner.Extent
	err error
}

// Write implements [io.Writer] and returns no error.
func (c *cursor) Write(p []byte) (int, error) {
	if c.out != nil && c.err == nil {
		_, c.err = c.out.Write(p)
	}
	if last := bytes.LastIndexByte(p, '\n'); last >= 0 {
		c.at.Lines += bytes.Count(p, []byte{'\n'})
		c.at.Tail = len(p) - last - 1
	} else {
		c.at.Tail += len(p)
	}
	return len(p), nil
}

// rereading reads a stream from its start and writes what is new to the cursor. It skips
// by lines, not by bytes, because Docker's record of the output replaces invalid UTF-8.
type rereading struct {
	to   *cursor
	skip runner.Extent
	held []byte
}

func reread(c *cursor) *rereading { return &rereading{to: c, skip: c.at} }

// Write implements [io.Writer] and returns no error.
func (r *rereading) Write(p []byte) (int, error) {
	n := len(p)
	for r.skip.Lines > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			return n, nil
		}
		p = p[end+1:]
		r.skip.Lines--
	}
	known := min(r.skip.Tail, len(p))
	r.skip.Tail -= known
	r.held = append(r.held, p[known:]...)
	r.release()
	return n, nil
}

// release writes all but the last line. That line may be half of a line that is being
// written, with a newline that it does not have.
func (r *rereading) release() {
	sure := 0
	if last := bytes.LastIndexByte(r.held, '\n'); last >= 0 {
		sure = bytes.LastIndexByte(r.held[:last], '\n') + 1
	}
	r.pass(max(sure, len(r.held)-maxHeld))
}

// finish writes the rest of a stream that has ended.
func (r *rereading) finish() { r.pass(len(r.held)) }

func (r *rereading) pass(n int) {
	if n > 0 {
		_, _ = r.to.Write(r.held[:n]) // returns no error
		r.held = append(r.held[:0], r.held[n:]...)
	}
}

// streams are a container's stdout and stderr.
type streams struct{ stdout, stderr cursor }

// copy splits a daemon's stream into the two until it ends.
func (s *streams) copy(from io.Reader) error {
	_, err := stdcopy.StdCopy(&s.stdout, &s.stderr, from)
	return err
}

// copyAgain does the same for a record, which starts at the beginning; whole means that
// the record is complete.
func (s *streams) copyAgain(from io.Reader, whole bool) error {
	stdout, stderr := reread(&s.stdout), reread(&s.stderr)
	_, err := stdcopy.StdCopy(stdout, stderr, from)
	if err == nil && whole {
		stdout.finish()
		stderr.finish()
	}
	return err
}
