package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/runwith/runwith/internal/invoker"
)

// KeyHeader is the Idempotency-Key header, part of an operation's input. It is exported because
// huma skips other embedded fields.
// See https://www.ietf.org/archive/id/draft-ietf-httpapi-idempotency-key-header-07.html.
type KeyHeader struct {
	Key string `header:"Idempotency-Key" doc:"The caller's name for this request, at most 255 characters, by which repeats are recognized. Quotes, which the standard requires, are optional." example:"\"nightly-2026-11-23\""`

	key string
}

// Resolve reads the header, which may occur once.
func (k *KeyHeader) Resolve(ctx huma.Context) []error {
	var values []string
	ctx.EachHeader(func(name, value string) {
		if strings.EqualFold(name, "Idempotency-Key") {
			values = append(values, value)
		}
	})
	if len(values) == 0 {
		return nil
	}
	err := errors.New("occurs more than once")
	if len(values) == 1 {
		k.key, err = parseKey(values[0])
	}
	if err == nil {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: "header.Idempotency-Key", Message: err.Error()}}
}

// parseKey reads a key: a string of structured fields, which has quotes, or the same text
// without quotes. Both are the same key.
// See https://www.rfc-editor.org/rfc/rfc9651#name-parsing-a-string.
func parseKey(value string) (string, error) {
	key := strings.Trim(value, " \t")
	if quoted, ok := strings.CutPrefix(key, `"`); ok {
		var err error
		if key, err = unquote(quoted); err != nil {
			return "", err
		}
	}
	if err := checkKey(key); err != nil {
		return "", err
	}
	return key, nil
}

// checkKey returns what is wrong with a key.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("must not be empty")
	case len(key) > invoker.MaxKey:
		return fmt.Errorf("must be at most %d characters long, it has %d", invoker.MaxKey, len(key))
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return errors.New("must be printable ASCII")
		}
	}
	return nil
}

// NoKeyHeader refuses the Idempotency-Key header of an operation whose keys are in its body.
type NoKeyHeader struct{}

// Resolve looks for the header.
func (NoKeyHeader) Resolve(ctx huma.Context) []error {
	if ctx.Header("Idempotency-Key") == "" {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: "header.Idempotency-Key", Message: "each item has its own key, in its field key"}}
}

// unquote reads the text between the quotes. The opening quote is already removed.
func unquote(quoted string) (string, error) {
	var key strings.Builder
	for i := 0; i < len(quoted); i++ {
		switch c := quoted[i]; {
		case c == '"' && i == len(quoted)-1:
			return key.String(), nil
		case c == '"':
			return "", errors.New(`has text after the closing quote`)
		case c == '\\' && (i+1 == len(quoted) || quoted[i+1] != '"' && quoted[i+1] != '\\'):
			return "", errors.New(`has a backslash that does not escape a quote or a backslash`)
		case c == '\\':
			i++
			key.WriteByte(quoted[i])
		default:
			key.WriteByte(c)
		}
	}
	return "", errors.New("has no closing quote")
}
