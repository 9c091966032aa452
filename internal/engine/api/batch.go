package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
	"github.com/runwith/runwith/internal/guard"
)

// maxBatch is how many calls a batch may have.
// https://docs.cloud.google.com/storage/docs/batch is one of many pages with this limit.
const maxBatch = 1000

// batch answers batches of calls: requests that are parts of one request, as Google's API
// client libraries send them. The calls run one after the other; an error of one does not
// stop the next. A malformed batch runs none.
//
// https://developers.google.com/workspace/drive/api/guides/performance#batch-requests
type batch struct{ server *Server }

// isBatch reports whether a request is a batch. The rest of its path names an API.
func isBatch(r *http.Request) bool {
	return r.URL.Path == "/batch" || strings.HasPrefix(r.URL.Path, "/batch/")
}

// ServeHTTP answers a batch.
func (b batch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	calls, err := readBatch(r)
	if err != nil {
		apierror.WriteGoogle(w, err)
		return
	}
	parts := multipart.NewWriter(w)
	w.Header().Set("Content-Type", mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": parts.Boundary()}))
	for _, c := range calls {
		answer := &partAnswer{header: http.Header{}, status: http.StatusOK}
		b.serve(answer, c.request)
		part, err := parts.CreatePart(answerHeader(c.id))
		if err != nil || answer.writeTo(part) != nil {
			return // the caller has left
		}
	}
	_ = parts.Close() // the caller may have left
}

// serve answers one call, which may have a token of its own.
func (b batch) serve(w http.ResponseWriter, r *http.Request) {
	if refusal := b.server.gate.refusal(token(r)); refusal != nil {
		refuse(w, r, refusal)
		return
	}
	b.server.rest.ServeHTTP(w, r)
}

// batchCall is a call of a batch, with the ID that its caller gave it.
type batchCall struct {
	id      string
	request *http.Request
}

// readBatch returns the calls of a batch.
func readBatch(r *http.Request) ([]batchCall, error) {
	mediaType, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method != http.MethodPost:
		return nil, runwith.Errorf(runwith.InvalidArgument, "a batch is sent with POST, not with %s", r.Method)
	case err != nil || mediaType != "multipart/mixed" || parameters["boundary"] == "":
		refusal := guard.WrongType(r.Header)
		refusal.Message = fmt.Sprintf("Content-Type %q: a batch must be multipart/mixed, with a boundary", r.Header.Get("Content-Type"))
		return nil, refusal
	}
	if err := checkBatchQuery(r); err != nil {
		return nil, err
	}
	body, err := readAll(r.Body)
	if err != nil {
		return nil, err
	}
	return readParts(r, multipart.NewReader(bytes.NewReader(body), parameters["boundary"]))
}

// checkBatchQuery refuses parameters of the batch itself. Those of its calls are theirs.
func checkBatchQuery(r *http.Request) error {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	s, rest, err := systemParameters(r, query)
	switch {
	case err != nil:
		return err
	case s.mask != nil:
		return runwith.Errorf(runwith.InvalidArgument, "%s: send it with each call of the batch", s.maskName)
	}
	return noParameters(rest)
}

func readParts(outer *http.Request, parts *multipart.Reader) (calls []batchCall, err error) {
	for n := 1; ; n++ {
		part, err := parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && n > 1:
			return calls, nil
		case err != nil:
			return nil, runwith.Errorf(runwith.InvalidArgument, "part %d: %v: a batch is parts between boundaries", n, err)
		case n > maxBatch:
			return nil, runwith.Errorf(runwith.InvalidArgument, "a batch has at most %d calls, send another one", maxBatch)
		}
		c, err := readPart(outer, part)
		if err != nil {
			return nil, runwith.Errorf(runwith.InvalidArgument, "part %d: %v", n, err)
		}
		calls = append(calls, c)
	}
}

// readPart reads a call: an HTTP request whose first line may lack the version.
func readPart(outer *http.Request, part *multipart.Part) (c batchCall, err error) {
	c.id = part.Header.Get("Content-Id")
	if mediaType, _, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err != nil || mediaType != "application/http" {
		return c, fmt.Errorf("Content-Type %q: must be application/http", part.Header.Get("Content-Type"))
	}
	text := textproto.NewReader(bufio.NewReader(part))
	line, err := text.ReadLine()
	if err != nil {
		return c, errors.New("must begin with a request line such as GET /v2/jobs HTTP/1.1")
	}
	header, err := text.ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("malformed header: %w", err)
	}
	body, err := io.ReadAll(text.R)
	if err != nil {
		return c, fmt.Errorf("malformed body: %w", err)
	}
	c.request, err = newCall(outer, line, http.Header(header), body)
	return c, err
}

// newCall returns the request of a call. It has the headers of the batch, unless its own
// replace them, but not those about the content.
func newCall(outer *http.Request, line string, header http.Header, body []byte) (*http.Request, error) {
	words := strings.Fields(line)
	if len(words) < 2 || len(words) > 3 || len(words) == 3 && !strings.HasPrefix(words[2], "HTTP/") {
		return nil, fmt.Errorf("%.80q is no request line such as GET /v2/jobs HTTP/1.1", line)
	}
	target, err := url.ParseRequestURI(words[1])
	if err != nil || target.Host != "" || !strings.HasPrefix(words[1], "/") {
		return nil, fmt.Errorf("%.80q must be a path", words[1])
	}
	call := outer.Clone(outer.Context())
	call.Method, call.URL, call.RequestURI = words[0], target, words[1]
	for name := range call.Header {
		if strings.HasPrefix(name, "Content-") || strings.EqualFold(name, methodOverride) {
			call.Header.Del(name)
		}
	}
	maps.Copy(call.Header, header)
	if isBatch(call) {
		return nil, errors.New("a batch cannot be in a batch")
	}
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errors.New("Content-Encoding: compress the batch, not its calls")
	}
	return withBody(call, body)
}

// withBody gives a call its body, cut to the length in its header if there is one.
func withBody(call *http.Request, body []byte) (*http.Request, error) {
	if length := call.Header.Get("Content-Length"); length != "" {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(body) {
			return nil, fmt.Errorf("Content-Length %.20q: the body has %d bytes", length, len(body))
		}
		body = body[:n]
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = nil
	}
	call.Body, call.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return call, nil
}

// answerHeader returns the header of the part that answers a call. Clients find the call
// by the ID.
func answerHeader(id string) textproto.MIMEHeader {
	header := textproto.MIMEHeader{"Content-Type": {"application/http"}}
	if inner, ok := strings.CutPrefix(id, "<"); ok {
		header.Set("Content-Id", "<response-"+inner)
	} else if id != "" {
		header.Set("Content-Id", "response-"+id)
	}
	return header
}

// partAnswer is the answer to a call of a batch.
type partAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (a *partAnswer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *partAnswer) WriteHeader(status int) { a.status = status }

// Write implements [http.ResponseWriter].
func (a *partAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }

// writeTo writes the answer as the text of HTTP.
func (a *partAnswer) writeTo(w io.Writer) error {
	a.header.Set("Content-Length", strconv.Itoa(a.body.Len()))
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	_ = a.header.Write(&head) // a buffer takes everything
	head.WriteString("\r\n")
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	_, err := w.Write(a.body.Bytes())
	return err
}
