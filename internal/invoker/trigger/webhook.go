package trigger

import (
	"mime"
	"net/http"
	"net/url"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// webhook decodes the events of a webhook: JSON, a form, or text.
type webhook struct {
	idHeader    string // empty: it has none
	eventHeader string // with the name of the event; empty: none
}

// Headers of GitHub and of Standard Webhooks.
const (
	githubEvent    = "X-Github-Event"
	githubDelivery = "X-Github-Delivery"
	standardID     = "Webhook-Id"
)

func newWebhook(spec configfile.Trigger) source {
	switch {
	case spec.Preset == configfile.GitHub:
		return webhook{githubDelivery, githubEvent}
	case spec.Preset == configfile.StandardWebhook:
		return webhook{idHeader: standardID}
	case spec.Signature != nil:
		return webhook{idHeader: http.CanonicalHeaderKey(spec.Signature.IDHeader)}
	}
	return webhook{}
}

func (h webhook) keeps(header string) bool {
	return header != "" && (header == h.idHeader || header == h.eventHeader)
}

func (webhook) proof() string { return "" }

func (h webhook) decode(m message) (e event, err error) {
	content := map[string]any{}
	for field, header := range map[string]string{"id": h.idHeader, "event": h.eventHeader} {
		value, err := single(m.header, header)
		if err != nil {
			return event{}, err
		}
		if value != "" {
			content[field] = value
		}
	}
	if m.id != "" {
		content["id"] = m.id
	}
	content["data"], err = webhookData(m)
	if id, ok := content["id"].(string); ok {
		e.identity = []string{id}
	}
	e.content = content
	return e, err
}

// webhookData returns the data of a webhook.
func webhookData(m message) (any, error) {
	contentType, err := single(m.header, "Content-Type")
	if err != nil {
		return nil, err
	}
	mediaType, _, _ := mime.ParseMediaType(contentType)
	if mediaType != "application/x-www-form-urlencoded" {
		return dataOf(mediaType, m.body)
	}
	form, err := url.ParseQuery(string(m.body))
	if err != nil {
		return nil, malformed("the body is not a form, as its Content-Type says")
	}
	if len(form) == 1 && len(form["payload"]) == 1 { // how GitHub sends JSON in a form
		return jsonOrText([]byte(form.Get("payload"))), nil
	}
	data := map[string]any{}
	for name, values := range form {
		if data[name] = values[0]; len(values) > 1 {
			list := make([]any, len(values))
			for i, value := range values {
				list[i] = value
			}
			data[name] = list
		}
	}
	return data, nil
}
