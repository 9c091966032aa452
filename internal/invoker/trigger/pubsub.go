package trigger

import (
	"strings"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// newPubSub returns the source of a push subscription.
func newPubSub(spec configfile.Trigger) source {
	if spec.Unwrapped {
		return unwrapped{}
	}
	return wrapped{}
}

// wrapped decodes a message of Pub/Sub in its envelope. Eventarc sends the same envelope.
//
// See https://docs.cloud.google.com/pubsub/docs/push#receive_push.
type wrapped struct{}

func (wrapped) keeps(string) bool { return false }
func (wrapped) proof() string     { return "" }

func (wrapped) decode(m message) (event, error) {
	value, err := decodeJSON(m.body)
	if err != nil {
		return event{}, malformed("the body %v, and Pub/Sub sends an envelope in JSON; a subscription without an envelope needs unwrapped: true", err)
	}
	envelope, err := objectOf(value, "")
	if err != nil {
		return event{}, err
	}
	inside, err := envelope.object("message")
	if err != nil {
		return event{}, err
	}
	p, err := publishedIn(envelope, inside)
	if err != nil {
		return event{}, err
	}
	return p.event("message.publishTime")
}

// published is a message of Pub/Sub. How often it was delivered is not part of it: a message
// that is delivered again must give the same parameters.
type published struct {
	data                              []byte
	attributes                        map[string]any
	id, at, orderingKey, subscription string
}

// publishedIn reads a message in its envelope. Both spellings of names occur.
func publishedIn(envelope, inside object) (p published, err error) {
	if p.data, err = inside.bytes("data"); err != nil {
		return p, err
	}
	delete(inside.fields, "data") // large, and not needed any more
	if p.attributes, err = inside.texts("attributes"); err != nil {
		return p, err
	}
	if p.id, err = inside.either("messageId", "message_id"); err != nil {
		return p, err
	}
	if p.at, err = inside.either("publishTime", "publish_time"); err != nil {
		return p, err
	}
	if p.orderingKey, err = inside.either("orderingKey", "ordering_key"); err != nil {
		return p, err
	}
	p.subscription, err = envelope.text("subscription")
	return p, err
}

// event returns the event. timeField is the name of the field with its time.
func (p published) event(timeField string) (e event, err error) {
	if e.at, err = timeOf(timeField, p.at); err != nil {
		return event{}, err
	}
	content := map[string]any{"data": jsonOrText(p.data), "attributes": p.attributes}
	for name, text := range map[string]string{"messageId": p.id, "publishTime": p.at, "orderingKey": p.orderingKey, "subscription": p.subscription} {
		if text != "" {
			content[name] = text
		}
	}
	e.content = content
	if p.id != "" && p.subscription != "" {
		e.identity = []string{p.subscription, p.id}
	}
	return e, nil
}

// unwrapped decodes a message of Pub/Sub without an envelope. Its attributes are headers with
// names that the publisher has chosen, so they are not read. Names that begin with
// x-goog-pubsub- are Pub/Sub's own.
//
// See https://docs.cloud.google.com/pubsub/docs/payload-unwrapping.
type unwrapped struct{}

const (
	pubsubPrefix    = "X-Goog-Pubsub-"
	messageIDHeader = pubsubPrefix + "Message-Id"
)

func (unwrapped) keeps(header string) bool { return strings.HasPrefix(header, pubsubPrefix) }
func (unwrapped) proof() string            { return messageIDHeader }

func (unwrapped) decode(m message) (event, error) {
	p := published{data: m.body, attributes: map[string]any{}}
	for name, field := range map[string]*string{
		messageIDHeader: &p.id, pubsubPrefix + "Publish-Time": &p.at,
		pubsubPrefix + "Ordering-Key": &p.orderingKey, pubsubPrefix + "Subscription-Name": &p.subscription,
	} {
		value, err := single(m.header, name)
		if err != nil {
			return event{}, err
		}
		*field = value
	}
	return p.event(pubsubPrefix + "Publish-Time")
}
