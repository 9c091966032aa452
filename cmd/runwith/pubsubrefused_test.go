package main

import (
	"net/http"
	"slices"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/runwith/runwith/internal/eventually"
)

// TestPubSubRefusedComesOnce pushes messages that can never start the job.
func TestPubSubRefusedComesOnce(t *testing.T) {
	t.Parallel()
	m := startMill(t)
	topic, _ := m.push(t, "uploads", m.token, nil)
	for _, data := range []string{`{"bucket":"NOT OK"}`, `{}`, ``, `{"bucket":["a"]}`, `[`} {
		message := m.pubsub.Publish(topic, []byte(data), map[string]string{"name": "x"})
		m.acknowledged(t, message)
		if got := m.statuses(message); !slices.Equal(got, []int{http.StatusOK}) {
			t.Errorf("message %s was answered with %v, want 200 once", data, got)
		}
	}
	if got := m.lines(); !slices.Equal(got, []string{""}) {
		t.Errorf("the job ran with %q, want no run", got)
	}
}

// TestPubSubRefusedGoesToDeadLetters pushes such a message to a trigger with refuse: nack.
func TestPubSubRefusedGoesToDeadLetters(t *testing.T) {
	t.Parallel()
	m := startMill(t)
	topic, dead := m.push(t, "strict", m.token, nil)
	const letters = "projects/demo/subscriptions/letters"
	if _, err := m.pubsub.GServer.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: letters, Topic: dead, AckDeadlineSeconds: 10}); err != nil {
		t.Fatal(err)
	}
	message := m.pubsub.Publish(topic, []byte(`{"bucket":"NOT OK"}`), map[string]string{"name": "x"})
	eventually.True(t, "the message is a dead letter", func() bool {
		letters, err := m.pubsub.GServer.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: letters, MaxMessages: 1})
		if err != nil {
			t.Fatal(err)
		}
		return len(letters.GetReceivedMessages()) == 1 && letters.GetReceivedMessages()[0].GetMessage().GetMessageId() == message
	})
	for _, status := range m.statuses(message) {
		if status < 400 || status > 499 {
			t.Errorf("a refused message was answered with %d, want a client error", status)
		}
	}
}
