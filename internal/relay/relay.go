package relay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/runwith/runwith/internal/backoff"
)

// A Relay pushes the messages of a subscription to an endpoint, each until it is acknowledged.
type Relay struct {
	Subscriber   pubsubpb.SubscriberClient
	Subscription string // projects/PROJECT/subscriptions/ID
	Endpoint     Endpoint

	// Backoff is the pause after an answer that does not acknowledge, doubled each time. It must be
	// shorter than the subscription's ack deadline. The zero value repeats at once.
	Backoff backoff.Backoff

	// Again reports whether the acknowledgement of a push gets lost, so that the message comes again.
	// nil: none does.
	Again func(Push) bool
	// Pushed is called after each push, concurrently. It may be nil.
	Pushed func(Push)
}

// Push is one try to deliver a message.
type Push struct {
	Message string // its ID
	Attempt int    // from 1
	Answer  Answer // zero if none came
	Err     error  // why none came
}

const (
	// batch is the number of messages of one pull, and of pushes at the same time.
	batch = 32
	// idle is the pause after an empty pull.
	idle = 5 * time.Millisecond
)

// Run pushes until ctx ends, and then returns nil. Any other error is the subscription's.
func (r *Relay) Run(ctx context.Context) error {
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var pushes sync.WaitGroup
	free := make(chan struct{}, batch)
	attempts := map[string]int{}
	for running.Err() == nil {
		pulled, err := r.pull(running)
		if err != nil {
			stop(err)
		}
		for _, m := range pulled {
			id := m.GetMessage().GetMessageId()
			attempts[id]++
			attempt := attempts[id]
			free <- struct{}{}
			pushes.Go(func() {
				defer func() { <-free }()
				if err := r.push(running, m, attempt); err != nil {
					stop(err) // no effect if Run is ending
				}
			})
		}
	}
	pushes.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(running)
}

// pull returns some messages, or none after a short pause.
func (r *Relay) pull(ctx context.Context) ([]*pubsubpb.ReceivedMessage, error) {
	pulled, err := r.Subscriber.Pull(ctx, &pubsubpb.PullRequest{
		Subscription:      r.Subscription,
		MaxMessages:       batch,
		ReturnImmediately: true, //nolint:staticcheck // pstest waits for half a second, even if a message comes
	})
	if err != nil {
		return nil, fmt.Errorf("pull from %s: %w", r.Subscription, err)
	}
	if len(pulled.GetReceivedMessages()) == 0 {
		_ = backoff.Sleep(ctx, idle) // Run sees the end of ctx
	}
	return pulled.GetReceivedMessages(), nil
}

// push delivers a message once, and acknowledges it or makes it available again.
func (r *Relay) push(ctx context.Context, m *pubsubpb.ReceivedMessage, attempt int) error {
	body, err := Envelope(r.Subscription, m.GetMessage(), m.GetDeliveryAttempt())
	if err != nil {
		return err
	}
	done := Push{Message: m.GetMessage().GetMessageId(), Attempt: attempt}
	done.Answer, done.Err = r.Endpoint.Push(ctx, body)
	acknowledged := done.Err == nil && done.Answer.Acknowledges()
	again := acknowledged && r.Again != nil && r.Again(done)
	if r.Pushed != nil {
		r.Pushed(done)
	}
	switch {
	case again:
		return r.release(ctx, m)
	case acknowledged:
		_, err := r.Subscriber.Acknowledge(ctx, &pubsubpb.AcknowledgeRequest{Subscription: r.Subscription, AckIds: []string{m.GetAckId()}})
		return err
	}
	_ = backoff.Sleep(ctx, r.Backoff.After(attempt-1)) // release reports the end of ctx
	return r.release(ctx, m)
}

// release makes a message available again.
func (r *Relay) release(ctx context.Context, m *pubsubpb.ReceivedMessage) error {
	_, err := r.Subscriber.ModifyAckDeadline(ctx, &pubsubpb.ModifyAckDeadlineRequest{Subscription: r.Subscription, AckIds: []string{m.GetAckId()}})
	return err
}
