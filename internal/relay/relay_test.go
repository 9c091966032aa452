package relay_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/eventually"
	"github.com/runwith/runwith/internal/relay"
)

// TestEnvelope compares envelopes with those that Pub/Sub sends.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	at := timestamppb.New(time.Date(2026, 11, 28, 18, 0, 0, 749_999_000, time.UTC))
	for name, test := range map[string]struct {
		message *pubsubpb.PubsubMessage
		attempt int32
		want    string
	}{
		"whole": {
			&pubsubpb.PubsubMessage{Data: []byte("Hello"), Attributes: map[string]string{"b": "2", "a": "1"}, MessageId: "2070443601311540", PublishTime: at, OrderingKey: "k"},
			5,
			`{"deliveryAttempt":5,"message":{"attributes":{"a":"1","b":"2"},"data":"SGVsbG8=","messageId":"2070443601311540",` +
				`"message_id":"2070443601311540","orderingKey":"k","publishTime":"2026-11-28T18:00:00.749Z","publish_time":"2026-11-28T18:00:00.749Z"},` +
				`"subscription":"projects/demo/subscriptions/uploads"}`,
		},
		"without data": {
			&pubsubpb.PubsubMessage{Attributes: map[string]string{"a": "1"}, MessageId: "7", PublishTime: at},
			0,
			`{"message":{"attributes":{"a":"1"},"messageId":"7","message_id":"7","publishTime":"2026-11-28T18:00:00.749Z",` +
				`"publish_time":"2026-11-28T18:00:00.749Z"},"subscription":"projects/demo/subscriptions/uploads"}`,
		},
	} {
		got, err := relay.Envelope(subscription, test.message, test.attempt)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: envelope = %v\n%s\nwant\n%s", name, err, got, test.want)
		}
	}
}

// TestAnswers delivers a message until an answer acknowledges it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for status, acknowledged := range map[int]bool{
		200: true, 201: true, 202: true, 204: true, 203: false, 206: false, 302: false, 400: false, 401: false, 404: false, 429: false, 500: false, 503: false,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			server, subscriber := open(t, &pubsubpb.Subscription{})
			e := newEndpoint(t, status, 204)
			r := &relay.Relay{Subscriber: subscriber, Subscription: subscription, Endpoint: relay.Endpoint{URL: e.url}}
			defer background(t, r.Run)()
			server.Publish(topic, []byte("x"), nil)
			want := 2
			if acknowledged {
				want = 1
			}
			eventually.True(t, "the message is acknowledged", func() bool { return server.Messages()[0].Acks == 1 })
			if got := len(e.received()); got != want {
				t.Errorf("a message was pushed %d times to an endpoint that answers %d, want %d", got, status, want)
			}
		})
	}
}

// TestRedelivery loses acknowledgements, and counts the attempts as a dead letter topic makes
// Pub/Sub do.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	server, subscriber := open(t, &pubsubpb.Subscription{DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: deadLetters, MaxDeliveryAttempts: 5}})
	e := newEndpoint(t, 503)
	var attempts []int
	r := &relay.Relay{
		Subscriber: subscriber, Subscription: subscription, Endpoint: relay.Endpoint{URL: e.url},
		Backoff: backoff.Backoff{Min: time.Millisecond, Max: 4 * time.Millisecond},
		Again:   func(p relay.Push) bool { return p.Attempt == 2 },
		Pushed:  func(p relay.Push) { attempts = append(attempts, p.Attempt) },
	}
	stop := background(t, r.Run)
	server.Publish(topic, []byte("x"), map[string]string{"Idempotency-Key": "mine"})
	eventually.True(t, "the message is acknowledged", func() bool { return server.Messages()[0].Acks == 1 })
	stop()
	if want := []int{1, 2, 3}; !slices.Equal(attempts, want) {
		t.Errorf("attempts = %v, want %v", attempts, want)
	}
	for i, got := range e.received() {
		want := fmt.Sprintf(`^\{"deliveryAttempt":%d,"message":\{"attributes":\{"Idempotency-Key":"mine"\},"data":"eA==",`, i+1)
		if !regexp.MustCompile(want).MatchString(got.body) {
			t.Errorf("push %d is %s, want %s", i+1, got.body, want)
		}
	}
}

// TestHeader compares the header of a push with Pub/Sub's, and with an ID token.
func TestHeader(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	to := relay.Endpoint{URL: e.url, Token: func(context.Context) (string, error) { return "a.b.c", nil }}
	answer, err := to.Push(t.Context(), []byte("{}"))
	if err != nil || answer.Status != 204 {
		t.Fatalf("push = %+v, %v", answer, err)
	}
	want := http.Header{
		"Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "Authorization": {"Bearer a.b.c"}, "Content-Length": {"2"},
		"Content-Type": {"application/json"}, "From": {"noreply@google.com"}, "User-Agent": {"CloudPubSub-Google"},
	}
	if diff := cmp.Diff(want, e.received()[0].header); diff != "" {
		t.Errorf("the header of a push differs (-want +got):\n%s", diff)
	}
}

// TestRunReportsFailure ends with the error of a subscription that is gone.
func TestRunReportsFailure(t *testing.T) {
	t.Parallel()
	_, subscriber := open(t, &pubsubpb.Subscription{})
	err := (&relay.Relay{Subscriber: subscriber, Subscription: subscription + "-none"}).Run(t.Context())
	if err == nil || !regexp.MustCompile(`^pull from \S+-none: .*NotFound`).MatchString(err.Error()) {
		t.Errorf("relay of no subscription ended with %v, want the error of its pull", err)
	}
}

// push is a request to an endpoint.
type push struct {
	header http.Header
	body   string
}

// endpoint is a server that answers with the given statuses, and then with 204.
type endpoint struct {
	url    string
	mu     sync.Mutex
	pushes []push
}

func newEndpoint(t *testing.T, statuses ...int) *endpoint {
	t.Helper()
	e := &endpoint{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		n := len(e.pushes)
		e.pushes = append(e.pushes, push{r.Header, string(body)})
		if n < len(statuses) {
			w.WriteHeader(statuses[n])
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *endpoint) received() []push {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.pushes)
}
