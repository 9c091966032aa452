package kube

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Client calls one API server for one namespace. Its methods may be called concurrently.
// They try once: the caller decides what may be tried again.
type Client struct {
	// Server is the API server's URL, without a slash at its end.
	Server string
	// Namespace is where objects are.
	Namespace string
	// HTTP sends requests with the credentials.
	HTTP *http.Client
}

// Content types of requests.
const (
	contentJSON           = "application/json"
	contentStrategicPatch = "application/strategic-merge-patch+json"
)

// maxError is how much of an error's text is read, in bytes.
const maxError = 64 << 10

// request is one request to the API server.
type request struct {
	method, path string
	query        url.Values
	contentType  string // empty is contentJSON
	body         []byte
}

// do sends a request and decodes the answer into a value, unless that is nil.
func (c *Client) do(ctx context.Context, q request, into any) error {
	body, err := c.open(ctx, q)
	if err != nil {
		return err
	}
	defer body.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, body)
		return err
	}
	if err := json.NewDecoder(body).Decode(into); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", q.method, q.path, err)
	}
	return nil
}

// open sends a request and returns the body of the answer, which the caller closes.
func (c *Client) open(ctx context.Context, q request) (io.ReadCloser, error) {
	target := c.Server + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, target, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", contentJSON+", */*")
	if q.body != nil {
		r.Header.Set("Content-Type", cmp.Or(q.contentType, contentJSON))
	}
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 == 2 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, readError(answer)
}

// readError returns the refusal that an answer has.
func readError(answer *http.Response) error {
	e := &StatusError{Code: answer.StatusCode}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxError))
	if err != nil {
		return fmt.Errorf("read the answer of the API server: %w", err)
	}
	var status struct{ Reason, Message string }
	if json.Unmarshal(text, &status) == nil {
		e.Reason, e.Message = status.Reason, status.Message
	}
	e.Message = cmp.Or(e.Message, string(bytes.TrimSpace(text)), answer.Status)
	return e
}
