// Package relay stands in for Pub/Sub's push in tests and benchmarks. Google's in-memory Pub/Sub
// (pstest) keeps messages but pushes none, and gcloud's emulator pushes without an ID token. A
// [Relay] pulls messages from a subscription and posts them as Pub/Sub does.
package relay

import (
	"encoding/json"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
)

// envelope is the body of a wrapped push. Pub/Sub writes the ID and the time in two spellings.
//
// See https://cloud.google.com/pubsub/docs/push#receive_push.
type envelope struct {
	DeliveryAttempt int32   `json:"deliveryAttempt,omitempty"`
	Message         message `json:"message"`
	Subscription    string  `json:"subscription"`
}

type message struct {
	Attributes   map[string]string `json:"attributes,omitempty"`
	Data         []byte            `json:"data,omitempty"`
	MessageID    string            `json:"messageId"`
	MessageID2   string            `json:"message_id"`
	OrderingKey  string            `json:"orderingKey,omitempty"`
	PublishTime  string            `json:"publishTime"`
	PublishTime2 string            `json:"publish_time"`
}

// publishTime is the form of times: three digits of a second, or none.
const publishTime = "2006-01-02T15:04:05.999Z"

// Envelope returns the body of a push. The subscription is projects/PROJECT/subscriptions/ID. An
// attempt of 0 is left out, as Pub/Sub does without a dead letter topic.
func Envelope(subscription string, m *pubsubpb.PubsubMessage, attempt int32) ([]byte, error) {
	published := m.GetPublishTime().AsTime().Truncate(time.Millisecond).Format(publishTime)
	return json.Marshal(envelope{
		DeliveryAttempt: attempt,
		Subscription:    subscription,
		Message: message{
			Attributes:   m.GetAttributes(),
			Data:         m.GetData(),
			MessageID:    m.GetMessageId(),
			MessageID2:   m.GetMessageId(),
			OrderingKey:  m.GetOrderingKey(),
			PublishTime:  published,
			PublishTime2: published,
		},
	})
}
