package trigger

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// newCloudEvents returns the source of CloudEvents 1.0.
func newCloudEvents(spec configfile.Trigger) source {
	if spec.Preset == configfile.Storage {
		return storage{}
	}
	return cloudEvents{}
}

// cloudEvents decodes a CloudEvent: in binary mode, with attributes in headers, and in
// structured mode, as one JSON object.
//
// See https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md.
type cloudEvents struct{}

// attributePrefix begins the headers of attributes.
const attributePrefix = "Ce-"

func (cloudEvents) keeps(header string) bool { return strings.HasPrefix(header, attributePrefix) }
func (cloudEvents) proof() string            { return attributePrefix + "Specversion" }

func (cloudEvents) decode(m message) (event, error) {
	contentType, err := single(m.header, "Content-Type")
	if err != nil {
		return event{}, err
	}
	mediaType, _, _ := mime.ParseMediaType(contentType) // a malformed one is of the data
	var attributes map[string]any
	switch {
	case strings.HasPrefix(mediaType, "application/cloudevents-batch"):
		return event{}, malformed("the type %s holds several events, which one answer cannot acknowledge: send each event on its own", mediaType)
	case mediaType == "application/cloudevents+json", mediaType == "application/cloudevents":
		attributes, err = structured(m.body)
	case strings.HasPrefix(mediaType, "application/cloudevents"):
		return event{}, malformed("the type %s is not supported: send application/cloudevents+json, or binary mode", mediaType)
	default:
		attributes, err = binary(m, mediaType)
	}
	if err != nil {
		return event{}, err
	}
	return cloudEvent(object{attributes, ""})
}

// cloudEvent checks the attributes that each event has.
func cloudEvent(o object) (event, error) {
	var required [4]string
	for i, name := range []string{"specversion", "id", "source", "type"} {
		text, err := o.text(name)
		if err != nil {
			return event{}, err
		}
		if required[i] = text; text == "" {
			return event{}, malformed("the attribute %s is missing: this is not a CloudEvent", name)
		}
	}
	if required[0] != "1.0" {
		return event{}, malformed("specversion must be 1.0")
	}
	text, err := o.text("time")
	if err != nil {
		return event{}, err
	}
	at, err := timeOf("the attribute time", text)
	return event{content: o.fields, identity: []string{required[2], required[1]}, at: at}, err
}

// structured reads an event that is one JSON object. Without a type, its data is JSON.
func structured(body []byte) (map[string]any, error) {
	value, err := decodeJSON(body)
	if err != nil {
		return nil, malformed("the body %v", err)
	}
	o, err := objectOf(value, "")
	if err != nil {
		return nil, err
	}
	encoded, both := o.fields["data_base64"], o.fields["data"] != nil
	switch {
	case encoded == nil:
		return o.fields, nil
	case both:
		return nil, malformed("data and data_base64 exclude each other")
	}
	data, err := o.bytes("data_base64")
	if err != nil {
		return nil, err
	}
	contentType, err := o.text("datacontenttype")
	if err != nil {
		return nil, err
	}
	mediaType, _, _ := mime.ParseMediaType(contentType)
	delete(o.fields, "data_base64")
	o.fields["data"], err = dataOf(mediaType, data)
	return o.fields, err
}

// binary reads an event whose attributes are headers.
func binary(m message, mediaType string) (map[string]any, error) {
	attributes := map[string]any{}
	for header := range m.header {
		name, ok := strings.CutPrefix(header, attributePrefix)
		if !ok {
			continue
		}
		value, err := single(m.header, header)
		if err != nil {
			return nil, err
		}
		if attributes[strings.ToLower(name)], err = attribute(header, value); err != nil {
			return nil, err
		}
	}
	if mediaType != "" {
		attributes["datacontenttype"] = m.header.Get("Content-Type")
	}
	data, err := dataOf(mediaType, m.body)
	if data != nil {
		attributes["data"] = data
	}
	return attributes, err
}

// attribute decodes the value of a header.
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values
func attribute(header, value string) (string, error) {
	decoded, err := url.PathUnescape(value)
	if err != nil || !utf8.ValidString(decoded) {
		return "", malformed("the header %s is not percent-encoded UTF-8", header)
	}
	return decoded, nil
}

// dataOf returns the data of an event. Data of a JSON type must be JSON. Other data is decoded
// if it is JSON, and otherwise text.
func dataOf(mediaType string, data []byte) (any, error) {
	if !isJSON(mediaType) || len(data) == 0 {
		return jsonOrText(data), nil
	}
	value, err := decodeJSON(data)
	if err != nil {
		return nil, malformed("data has the type %s, but it %v", mediaType, err)
	}
	return value, nil
}

// storage decodes the events of Cloud Storage. The content is the object itself.
//
// See https://cloud.google.com/eventarc/docs/run/storage.
type storage struct{ cloudEvents }

// The events of Cloud Storage.
const (
	storagePrefix   = "google.cloud.storage.object.v1."
	finalized       = "finalized"
	metadataUpdated = "metadataUpdated"
)

func (s storage) decode(m message) (event, error) {
	e, err := s.cloudEvents.decode(m)
	if err != nil {
		return event{}, err
	}
	attributes := object{e.content.(map[string]any), ""} //nolint:errcheck,forcetypeassert // decode has made it
	kind, err := attributes.text("type")
	if err != nil {
		return event{}, err
	}
	kind, ok := strings.CutPrefix(kind, storagePrefix)
	if !ok {
		return event{}, malformed("the event's type is not one of Cloud Storage (%s...): leave out preset for others", storagePrefix)
	}
	of, err := attributes.object("data")
	if err != nil {
		return event{}, err
	}
	e.content = of.fields
	e.identity, err = objectIdentity(of, kind)
	return e, err
}

// objectIdentity is the identity of what has happened to an object: its generation, which
// events of the same change share. Later events of a generation differ in their kind, and
// changes of its metadata in their number.
func objectIdentity(of object, kind string) (identity []string, err error) {
	names := []string{"bucket", "name", "generation"}
	if kind == metadataUpdated {
		names = append(names, "metageneration")
	}
	for _, name := range names {
		text, err := of.text(name)
		if err != nil {
			return nil, err
		}
		if text == "" {
			return nil, malformed("data.%s is missing: this is not an object of Cloud Storage", name)
		}
		identity = append(identity, text)
	}
	if kind != finalized {
		identity = append(identity, kind)
	}
	return identity, nil
}
