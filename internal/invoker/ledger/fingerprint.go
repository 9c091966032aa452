package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// OwnerOf returns the name of a principal as it is stored, and in markers: a hash.
func OwnerOf(principal string) string { return digest(16, "caller", principal) }

// KeyOf returns the key of a principal as it is stored: a hash. No key is empty.
func KeyOf(principal, key string) string {
	if key == "" {
		return ""
	}
	return digest(sha256.Size, "key", principal, key)
}

// Fingerprint returns what two requests with the same key must have in common: a hash
// of each field. asked is the JSON of a [runwith.Request]. It is canonical, so neither the
// order of names nor "60s" instead of "1m" makes a difference, and a new field is covered as
// soon as it has JSON.
func Fingerprint(job string, asked []byte) (string, error) {
	return fingerprintOf(asked, map[string]string{"job": job})
}

// RerunFingerprint is [Fingerprint] of a request that runs an earlier invocation again.
// changes are the JSON of the fields that it changes.
func RerunFingerprint(job string, changes []byte, origin string) (string, error) {
	return fingerprintOf(changes, map[string]string{"job": job, "rerunOf": origin})
}

// SourceFingerprint is [Fingerprint] of a keyed start of a trigger or a schedule. It is the same
// for all starts of a source, because the key alone identifies an event or a slot: the mapping,
// the parameters or the job may change between two deliveries of one event.
func SourceFingerprint(source string) (string, error) {
	return fingerprintOf([]byte("{}"), map[string]string{"source": source})
}

// fingerprintOf covers the fields of a JSON object and more ones.
func fingerprintOf(asked []byte, more map[string]string) (string, error) {
	var fields map[string]json.RawMessage
	err := json.Unmarshal(asked, &fields)
	if err != nil {
		return "", fmt.Errorf("read the encoded request: %w", err)
	}
	for name, value := range more {
		if fields[name], err = json.Marshal(value); err != nil {
			return "", fmt.Errorf("encode %s: %w", name, err)
		}
	}
	parts := make([]string, 0, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, name+"="+digest(12, name, string(fields[name])))
	}
	return strings.Join(parts, " "), nil
}

// digest returns the first n bytes of a hash of the parts, as text.
func digest(n int, parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		text, _ := json.Marshal(part) // quoted, so parts do not run into each other
		h.Write(text)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:n])
}
