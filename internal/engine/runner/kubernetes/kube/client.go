package kube

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/time/rate"
)

// Client calls one API server for one namespace; [Connect] makes one. Its methods may be
// called concurrently. They send each request once and leave retries to the caller.
type Client struct {
	// Server is the API server's URL, without a slash at its end.
	Server string
	// Namespace is where objects are.
	Namespace string
	// HTTP sends requests with the credentials.
	HTTP *http.Client

	cluster, user  string        // for messages
	logger         *slog.Logger  // nil discards
	requests, logs *rate.Limiter // nil is no limit
	sent           counter
}

// String names the cluster and the namespace.
func (c *Client) String() string {
	if c.cluster == "" {
		return fmt.Sprintf("namespace %q at %s", c.Namespace, c.Server)
	}
	return fmt.Sprintf("namespace %q of %s at %s", c.Namespace, c.cluster, c.Server)
}

// Content types of requests.
const (
	contentJSON           = "application/json"
	contentStrategicPatch = "application/strategic-merge-patch+json"
)

const (
	// maxError is how much of an error's text is read, in bytes.
	maxError = 64 << 10
	// answerTimeout is how long a request and its answer may take, unless the answer is
	// a stream. The API server itself gives up after 60 s.
	answerTimeout = 70 * time.Second
)

var errNoAnswer = fmt.Errorf("no answer within %v", answerTimeout)

// request is one request to the API server.
type request struct {
	verb        verb
	path        string
	query       url.Values
	contentType string // empty is contentJSON
	body        []byte
	urgent      bool // does not wait for its turn
}

// do sends a request and decodes the answer into a value, unless that is nil.
func (c *Client) do(ctx context.Context, q request, into any) error {
	if err := c.admit(ctx, q); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errNoAnswer)
	defer cancel()
	body, err := c.send(ctx, q)
	if err != nil {
		return err
	}
	defer body.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, body)
	} else {
		err = json.NewDecoder(body).Decode(into)
	}
	if err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", q.verb, q.path, because(ctx, err))
	}
	return nil
}

// stream sends a request whose answer may take for ever. It returns the body, which the
// caller closes.
func (c *Client) stream(ctx context.Context, q request) (io.ReadCloser, error) {
	if err := c.admit(ctx, q); err != nil {
		return nil, err
	}
	return c.send(ctx, q)
}

// admit waits until the limit allows a request.
func (c *Client) admit(ctx context.Context, q request) error {
	limit := c.requests
	if q.verb == verbLog {
		limit = c.logs
	}
	if limit == nil || q.urgent {
		return nil
	}
	if err := limit.Wait(ctx); err != nil {
		return fmt.Errorf("a request to %s was not sent, because earlier ones use up the limit of requests a second: %w", c, because(ctx, err))
	}
	return nil
}

// send sends a request and returns the body of the answer, which the caller closes.
func (c *Client) send(ctx context.Context, q request) (io.ReadCloser, error) {
	target := c.Server + q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.verb.method(), target, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", contentJSON+", */*")
	if q.body != nil {
		r.Header.Set("Content-Type", cmp.Or(q.contentType, contentJSON))
	}
	c.sent.add(q.verb)
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return nil, c.unanswered(ctx, err)
	}
	if answer.StatusCode/100 == 2 {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	return nil, c.refusal(answer)
}

// unanswered returns the error of a request without an answer.
func (c *Client) unanswered(ctx context.Context, err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the URL is long, and says less than the cluster's name
	}
	return fmt.Errorf("call %s: %w%s", c, because(ctx, err), remedy(err))
}

// remedy returns what to do about a server's certificate that is not trusted, after ": ", or
// nothing.
func remedy(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return ": correct certificate-authority in the kubeconfig"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ": correct server or tls-server-name in the kubeconfig"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return ": renew the server's certificate, or set this machine's clock"
	}
	return ""
}

// because returns why a context has ended or, if it has not, err.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// refusal returns the refusal that an answer has.
func (c *Client) refusal(answer *http.Response) error {
	e := &StatusError{Code: answer.StatusCode}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxError))
	if err != nil {
		return fmt.Errorf("read the answer of the API server: %w", err)
	}
	var status struct {
		Reason, Message string
		Details         struct{ Causes []struct{ Reason string } }
	}
	if json.Unmarshal(text, &status) == nil {
		e.Reason, e.Message = status.Reason, status.Message
		for _, c := range status.Details.Causes {
			e.Causes = append(e.Causes, c.Reason)
		}
	}
	e.Message = cmp.Or(e.Message, string(bytes.TrimSpace(text)), answer.Status)
	if e.Code == http.StatusUnauthorized {
		return fmt.Errorf("%s does not accept the credentials of %s, which may have expired: log in again: %w", c, cmp.Or(c.user, "the caller"), e)
	}
	return e
}
