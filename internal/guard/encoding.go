package guard

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// expand returns r with the content of a compressed body, of at most limit bytes. Google's
// Java and .NET clients compress bodies by default.
func expand(w http.ResponseWriter, r *http.Request, limit int64) (*http.Request, *runwith.Error) {
	switch encoding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ",")); encoding {
	case "":
		return r, nil
	case "identity":
		return withContent(r, r.Body), nil
	case "gzip", "x-gzip":
		content, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, notGzip(err)
		}
		limited := http.MaxBytesReader(w, struct {
			io.Reader
			io.Closer
		}{content, r.Body}, limit)
		return withContent(r, &expanded{limited}), nil
	default:
		return nil, &runwith.Error{
			Code:    runwith.InvalidArgument,
			Message: fmt.Sprintf("Content-Encoding %.80q: must be gzip or left out", encoding),
			Err:     cause.ContentType,
		}
	}
}

// Expand returns r with the content of a compressed body, for the handler of a [Rule] with
// Raw. The content has at most limit bytes; a Read beyond returns a [*runwith.Error]. So does
// Expand for an encoding other than gzip.
func Expand(w http.ResponseWriter, r *http.Request, limit int64) (*http.Request, error) {
	content, refusal := expand(w, r, limit)
	if refusal != nil {
		return nil, refusal
	}
	return content, nil
}

// withContent returns a copy of r with another body, of unknown length.
func withContent(r *http.Request, content io.ReadCloser) *http.Request {
	plain := *r
	plain.Header = r.Header.Clone()
	plain.Header.Del("Content-Encoding")
	plain.Header.Del("Content-Length")
	plain.Body, plain.ContentLength = content, -1
	return &plain
}

// expanded is the content of a compressed body. It explains why it ended.
type expanded struct {
	io.ReadCloser
}

// Read returns a [*runwith.Error] instead of every error but [io.EOF].
func (b *expanded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return n, bodyTooLarge(tooLarge)
	}
	if err != nil && err != io.EOF {
		return n, notGzip(err)
	}
	return n, err
}

// notGzip returns the refusal after a failed read of a compressed body.
func notGzip(err error) *runwith.Error {
	if e, ok := errors.AsType[*runwith.Error](err); ok {
		return e
	}
	return &runwith.Error{
		Code:    runwith.InvalidArgument,
		Message: "the request's body is not complete gzip, as its Content-Encoding says",
		Err:     err,
	}
}
