package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/runwith/runwith/internal/backoff"
	"github.com/runwith/runwith/internal/idtoken"
	"github.com/runwith/runwith/internal/invoker/trigger"
	"github.com/runwith/runwith/internal/relay"
)

// pushSubscription is the name that envelopes have.
const pushSubscription = "projects/demo/subscriptions/chaos"

// pusher stands in for a Pub/Sub that delivers messages more than once.
type pusher struct {
	token func(context.Context) (string, error)
}

// addPusher writes a trigger for each job. Its caller is the service account of the engine.
func (w *world) addPusher(ctx context.Context, config io.Writer) (*pusher, error) {
	p := &pusher{token: idtoken.Cached(idtoken.Metadata(w.engineAddr), "bench")}
	token, err := p.token(ctx)
	if err != nil {
		return nil, err
	}
	subject, err := subjectOf(token)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(config, "issuers: {engine: \"http://%s\"}\ncallers:\n  pubsub: {oidc: {issuer: engine, subject: %q, audience: bench}, grants: [view]}\njobs:\n", w.engineAddr, subject)
	for n := 0; n < w.n; n += perJob {
		fmt.Fprintf(config, "  %s: {parameters: {key: {type: string, pattern: \"^key-[0-9]+$\"}, word: {type: string}}, args: [\"{key}\", \"{word}\"]}\n", w.job(n))
	}
	fmt.Fprintln(config, "triggers:")
	for n := 0; n < w.n; n += perJob {
		fmt.Fprintf(config, "  %s: {type: pubsub, job: %[1]s, callers: [pubsub], map: {key: /data/key, word: /attributes/word}}\n", w.job(n))
	}
	return p, nil
}

// deliver delivers a message one to three times, all at once or one after the other. Each time it
// repeats the push until it is acknowledged.
func (p *pusher) deliver(ctx context.Context, w *world, n int) error {
	dice := rand.New(rand.NewPCG(w.seed, uint64(n)+2))
	copies, together := 1+dice.IntN(3), dice.IntN(2) == 0
	m := &pubsubpb.PubsubMessage{
		MessageId: strconv.Itoa(n), PublishTime: timestamppb.Now(),
		Data: fmt.Appendf(nil, `{"key":"key-%d"}`, n), Attributes: map[string]string{"word": fmt.Sprintf("word-%d", n)},
	}
	args := fmt.Sprintf("key-%d word-%d", n, n)
	done := make(chan error, copies)
	push := func() {
		id, err := p.pushUntilAcknowledged(ctx, w, n, m)
		if err == nil {
			err = w.accept(id, args)
		}
		done <- err
	}
	for range copies {
		if together {
			go push()
		} else {
			push()
		}
	}
	var first error
	for range copies {
		if err := <-done; first == nil {
			first = err
		}
	}
	return first
}

// pushUntilAcknowledged returns the invocation that a message has started.
func (p *pusher) pushUntilAcknowledged(ctx context.Context, w *world, n int, m *pubsubpb.PubsubMessage) (id string, err error) {
	to := relay.Endpoint{URL: "http://" + w.invokers[0].addr + "/api/v1/triggers/" + w.job(n), Token: p.token}
	wait := backoff.Backoff{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond}
	for attempt := int32(1); ; attempt++ {
		body, err := relay.Envelope(pushSubscription, m, attempt)
		if err != nil {
			return "", err
		}
		answer, err := to.Push(ctx, body)
		if err == nil && answer.Acknowledges() {
			var said trigger.Answer
			if err := json.Unmarshal([]byte(answer.Body), &said); err != nil || said.Invocation == "" {
				return "", fmt.Errorf("message %s started nothing: %d %s", m.GetMessageId(), answer.Status, answer.Body)
			}
			return said.Invocation, nil
		}
		if err == nil && answer.Status < http.StatusInternalServerError && answer.Status != http.StatusTooManyRequests {
			return "", fmt.Errorf("message %s: %d %s", m.GetMessageId(), answer.Status, answer.Body)
		}
		if err := backoff.Sleep(ctx, wait.Next()); err != nil {
			return "", err
		}
	}
}
