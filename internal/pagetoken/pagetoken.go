// Package pagetoken makes the tokens by which a list goes on: opaque, bound to the
// list, and good after a restart.
package pagetoken

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// sumBytes of the list's name stand in each token.
const sumBytes = 6

// New returns the token of the page that begins at the key, of a list that is named
// by all that makes it what it is.
func New(list string, key ...any) string {
	encoded, err := json.Marshal(key)
	if err != nil {
		return "" // strings and numbers always encode
	}
	sum := sha256.Sum256([]byte(list))
	return base64.RawURLEncoding.EncodeToString(append(sum[:sumBytes], encoded...))
}

// Read stores in key what New was given. An empty token leaves key as it is; one of
// another list is INVALID_ARGUMENT.
func Read(token, list string, key ...any) error {
	if token == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(list))
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sumBytes || [sumBytes]byte(raw[:sumBytes]) != [sumBytes]byte(sum[:sumBytes]) ||
		json.Unmarshal(raw[sumBytes:], &key) != nil {
		return jobspec.FieldErrorf(runwith.InvalidArgument, "page_token",
			"%.40q is not of this list: use the token in an answer to the same request", token)
	}
	return nil
}
