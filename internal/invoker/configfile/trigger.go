package configfile

import "time"

// Trigger starts a job for the events of a source.
type Trigger struct {
	Type      string                `yaml:"type" rule:"trigger" required:"true" doc:"What sends the events: pubsub, cloudevents (Eventarc too), scheduler, tasks or webhook."`
	Preset    string                `yaml:"preset" rule:"preset" doc:"The form of the events: storage, for cloudevents of Cloud Storage; github or standard (Standard Webhooks), for webhook."`
	Job       string                `yaml:"job" rule:"job" required:"true" doc:"The job that an event starts: one of jobs."`
	Callers   []string              `yaml:"callers" rule:"caller" most:"100" doc:"Who may send events: names below callers, or anonymous. Required, except for a webhook with a secret."`
	Unwrapped bool                  `yaml:"unwrapped" doc:"For pubsub: whether the subscription removes the envelope, and writes the message's metadata into headers (--push-no-wrapper, --push-no-wrapper-write-metadata)."`
	Map       map[string]Mapping    `yaml:"map" keys:"parameter" most:"50" doc:"The job's parameters, by name. Text that begins with / is a JSON Pointer into the event; other values are the parameter's value itself."`
	When      map[string]Conditions `yaml:"when" keys:"pointer" most:"20" doc:"Only events with these values start the job: JSON Pointers into the event, each with one value or a list. Other events are acknowledged and ignored."`
	Key       List[string]          `yaml:"key" rule:"pointer" most:"8" doc:"What makes two events the same, so that the job starts once: one JSON Pointer into the event, or a list. By default the source's own identity of the event."`
	Refuse    string                `yaml:"refuse" rule:"refuse" doc:"How an event is answered that can never start the job: ack (the default; it is recorded and acknowledged), or nack (it is recorded and refused, so that it comes to a dead letter topic)."`
	MaxBody   EventSize             `yaml:"maxBody" doc:"Largest body of an event, such as 256KiB; at most 16MiB, and by default 1MiB."`
	Secret    List[Secret]          `yaml:"secret" most:"5" doc:"For webhook: the secret that signs the events; a list while you replace one."`
	Signature *Signature            `yaml:"signature" doc:"For webhook without a preset: how the events are signed."`
}

// Values of Trigger.Type.
const (
	PubSub      = "pubsub"
	CloudEvents = "cloudevents"
	Scheduler   = "scheduler"
	Tasks       = "tasks"
	Webhook     = "webhook"
)

// Values of Trigger.Preset.
const (
	Storage         = "storage"
	GitHub          = "github"
	StandardWebhook = "standard"
)

// Values of Trigger.Refuse.
const (
	Ack  = "ack"
	Nack = "nack"
)

// Conditions are the values that a part of an event may have: text, numbers as they are
// written, and booleans.
type Conditions = List[any]

// Mapping is the value of a parameter: a part of the event, or a value of the file. In the
// file it may also be one of them alone.
type Mapping struct {
	Pointer string `yaml:"pointer" rule:"pointer" doc:"JSON Pointer into the event, such as /message/data/name."`
	Default any    `yaml:"default" doc:"The value if the event has nothing there."`
	Value   any    `yaml:"value" doc:"The parameter's value itself; for text that begins with /."`
}

// short reads a mapping that is one value.
func (m *Mapping) short(value any) {
	if text, ok := value.(string); ok && len(text) > 0 && text[0] == '/' {
		m.Pointer = text
		return
	}
	m.Value = value
}

// Signature describes how a webhook signs its events.
type Signature struct {
	Header          string   `yaml:"header" rule:"header" required:"true" doc:"Header with the signature."`
	Prefix          string   `yaml:"prefix" rule:"text" doc:"Text before the signature, such as sha256=."`
	Encoding        string   `yaml:"encoding" rule:"encoding" doc:"How the signature is written: hex (the default) or base64."`
	Signed          string   `yaml:"signed" rule:"signed" doc:"What the HMAC-SHA256 is made of: body (the default), or id.timestamp.body."`
	IDHeader        string   `yaml:"idHeader" rule:"header" doc:"Header with the event's ID, which is its identity. Required for id.timestamp.body; the ID is signed only there."`
	TimestampHeader string   `yaml:"timestampHeader" rule:"header" doc:"Header with the time of sending, in seconds since 1970. Required for id.timestamp.body."`
	Tolerance       Duration `yaml:"tolerance" doc:"How far the time of sending may be off; by default 5m."`
}

// Values of Signature.
const (
	Hex             = "hex"
	Base64          = "base64"
	SignedBody      = "body"
	SignedIDAndTime = "id.timestamp.body"
)

// DefaultTolerance is Signature.Tolerance if the file does not say it.
const DefaultTolerance = Duration(5 * time.Minute)

// Limits of Trigger.MaxBody.
const (
	DefaultEvent = 1 << 20
	MaxEvent     = 16 << 20
)
