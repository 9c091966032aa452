// Package pagetoken makes page tokens of lists. They are opaque, bound to their list, and
// survive a restart.
package pagetoken

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// sumBytes is how many bytes of the hash of the list's name each token contains.
const sumBytes = 6

// New returns the token of the page that begins at key. list must name everything that
// selects the list, such as its parent and filter.
func New(list string, key ...any) string {
	encoded, err := json.Marshal(key)
	if err != nil {
		return "" // strings and numbers always encode
	}
	sum := sha256.Sum256([]byte(list))
	return base64.RawURLEncoding.EncodeToString(append(sum[:sumBytes], encoded...))
}

// Read stores the key of New into the pointers in key. An empty token leaves them
// unchanged. An invalid token, or one of another list, is INVALID_ARGUMENT.
func Read(token, list string, key ...any) error {
	if token == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(list))
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sumBytes || [sumBytes]byte(raw[:sumBytes]) != [sumBytes]byte(sum[:sumBytes]) ||
		json.Unmarshal(raw[sumBytes:], &key) != nil {
		return jobspec.FieldErrorf(runwith.InvalidArgument, "page_token",
			"%.40q does not belong to this list: use the token from an answer to the same request", token)
	}
	return nil
}
