package container

import (
	"bytes"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"

	"github.com/runwith/runwith/internal/engine/runner"
)

// maxHeld is how much of a line that may not be whole is held back, in bytes.
const maxHeld = 64 << 10

// cursor writes one stream of a container, and knows how far it has come: whoever
// reads the stream again from its beginning goes on there. A writer that fails is
// written to no more, and the container never hears of it.
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

// rereading passes on what lies behind the cursor of a stream that is read from its
// beginning. The place is found by lines, and not by bytes: Docker's record of a
// container's output replaces what is not UTF-8.
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

// release passes on all but the last line. That one may be half of what is being
// written at this moment, with an end that it does not have.
func (r *rereading) release() {
	sure := 0
	if last := bytes.LastIndexByte(r.held, '\n'); last >= 0 {
		sure = bytes.LastIndexByte(r.held[:last], '\n') + 1
	}
	r.pass(max(sure, len(r.held)-maxHeld))
}

// finish passes on the rest, of a stream to which nothing is added any more.
func (r *rereading) finish() { r.pass(len(r.held)) }

func (r *rereading) pass(n int) {
	if n > 0 {
		_, _ = r.to.Write(r.held[:n]) // returns none
		r.held = append(r.held[:0], r.held[n:]...)
	}
}

// streams are both of a container.
type streams struct{ stdout, stderr cursor }

// copy takes a daemon's stream apart until it ends.
func (s *streams) copy(from io.Reader) error {
	_, err := stdcopy.StdCopy(&s.stdout, &s.stderr, from)
	return err
}

// copyAgain does so with one that begins anew; whole says that it is complete.
func (s *streams) copyAgain(from io.Reader, whole bool) error {
	stdout, stderr := reread(&s.stdout), reread(&s.stderr)
	_, err := stdcopy.StdCopy(stdout, stderr, from)
	if err == nil && whole {
		stdout.finish()
		stderr.finish()
	}
	return err
}
