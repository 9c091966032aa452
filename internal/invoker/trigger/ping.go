package trigger

import "github.com/runwith/runwith/internal/invoker/configfile"

// pings reports whether GitHub only tries out the webhook, as it does once when the webhook is
// made. Such an event is ignored, unless a condition is about the kind of event.
//
// See https://docs.github.com/en/webhooks/webhook-events-and-payloads#ping.
func (t *trigger) pings(e event) bool {
	content, _ := e.content.(map[string]any)
	_, asked := t.spec.When["/event"]
	return t.spec.Preset == configfile.GitHub && content["event"] == "ping" && !asked
}
