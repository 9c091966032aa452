package relay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Endpoint is the receiver of pushes.
type Endpoint struct {
	URL    string
	Token  func(context.Context) (string, error) // of the push's service account; nil: pushes have none
	Client *http.Client                          // nil: one that follows no redirects
}

// deadline bounds a push. It is Pub/Sub's default ack deadline.
const deadline = 10 * time.Second

// maxAnswer bounds how much of an answer is read. Pub/Sub ignores the body.
const maxAnswer = 64 << 10

// Answer is the answer to a push.
type Answer struct {
	Status int
	Body   string
}

// Acknowledges reports whether Pub/Sub takes the answer as an acknowledgement. It repeats the
// message after any other. net/http skips 102 and waits for the final status.
//
// See https://cloud.google.com/pubsub/docs/push#receive_push.
func (a Answer) Acknowledges() bool {
	switch a.Status {
	case http.StatusProcessing, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return true
	}
	return false
}

// Push posts an envelope as Pub/Sub does. An error means that no answer came.
func (e Endpoint) Push(ctx context.Context, body []byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	r.Header = http.Header{
		"Accept":       {"application/json"},
		"Content-Type": {"application/json"},
		"From":         {"noreply@google.com"},
		"User-Agent":   {"CloudPubSub-Google"},
	}
	if e.Token != nil {
		token, err := e.Token(ctx)
		if err != nil {
			return Answer{}, fmt.Errorf("get token for push: %w", err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := e.client().Do(r)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return Answer{Status: response.StatusCode, Body: string(said)}, err
}

// client returns the client of pushes. For Pub/Sub, a redirect is no acknowledgement.
func (e Endpoint) client() *http.Client {
	if e.Client != nil {
		return e.Client
	}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
