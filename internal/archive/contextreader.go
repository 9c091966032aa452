package archive

import (
	"context"
	"io"
)

// contextReader reads until its context ends, because the copy of a large file takes minutes.
type contextReader struct {
	ctx context.Context //nolint:containedctx // the reader lives for one call of io.Copy
	io.Reader
}

func (r contextReader) Read(data []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(data)
}
