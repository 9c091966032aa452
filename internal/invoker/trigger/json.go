package trigger

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/runwith/runwith/internal/surrogate"
)

// Limits of JSON in events. A value takes many times its size in memory.
const (
	maxDepth  = 100
	maxValues = 200_000
)

// decodeJSON reads one JSON value: maps, lists, strings, numbers as they are written,
// booleans and nil. A repeated name is an error, because its value would be a matter of
// taste. Errors have no values.
func decodeJSON(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("is not UTF-8")
	}
	r := jsonReader{Decoder: json.NewDecoder(bytes.NewReader(data)), left: maxValues}
	r.UseNumber()
	value, err := r.value(maxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := r.Token(); err != io.EOF { //nolint:errorlint // Token returns it as it is
		return nil, errors.New("has text after its JSON")
	}
	if surrogate.Lone(data) >= 0 {
		return nil, errors.New("has an escape that is half of a pair of surrogates")
	}
	return value, nil
}

// jsonReader reads values, up to a number of them.
type jsonReader struct {
	*json.Decoder
	left int
}

var errMalformed = errors.New("is not JSON")

func (r *jsonReader) value(depth int) (any, error) {
	token, err := r.Token()
	if err != nil {
		return nil, errMalformed
	}
	r.left--
	switch {
	case r.left < 0:
		return nil, errors.New("has too many values")
	case depth == 0:
		return nil, errors.New("is nested too deep")
	case token == json.Delim('{'):
		return r.object(depth - 1)
	case token == json.Delim('['):
		return r.list(depth - 1)
	}
	return token, nil
}

func (r *jsonReader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.More() {
		token, err := r.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errMalformed
		}
		if _, twice := object[name]; twice {
			return nil, errors.New("has an object with a name that occurs twice")
		}
		if object[name], err = r.value(depth); err != nil {
			return nil, err
		}
	}
	return object, r.end()
}

func (r *jsonReader) list(depth int) (any, error) {
	list := []any{}
	for r.More() {
		element, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, element)
	}
	return list, r.end()
}

// end reads the closing delimiter.
func (r *jsonReader) end() error {
	if _, err := r.Token(); err != nil {
		return errMalformed
	}
	return nil
}

// jsonOrText returns data as JSON if it is that, else as text. It is nil for nothing, and
// for bytes that are no text.
func jsonOrText(data []byte) any {
	if value, err := decodeJSON(data); err == nil {
		return value
	}
	if len(data) == 0 || !utf8.Valid(data) {
		return nil
	}
	return string(data)
}

// whyText explains why a pointer finds nothing in the data of an event that looks like JSON and
// is text. It is empty for other events.
func whyText(content any) string {
	fields, _ := content.(map[string]any)
	text, _ := fields["data"].(string)
	if start := strings.TrimLeft(text, " \t\r\n"); !strings.HasPrefix(start, "{") && !strings.HasPrefix(start, "[") {
		return ""
	}
	if _, err := decodeJSON([]byte(text)); err != nil {
		return "; data counts as text, because it " + err.Error()
	}
	return "" // a string of JSON
}

// isJSON reports whether a media type is one of JSON.
func isJSON(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}
