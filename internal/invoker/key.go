package invoker

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// A key lives until the later of these: after the acceptance, and after the end.
const (
	keyAfterAcceptance = 7 * 24 * time.Hour
	keyAfterEnd        = 24 * time.Hour
)

// MaxKey is how long an Idempotency-Key may be, in bytes.
const MaxKey = 255

// Caller is who asks. Keys are looked up with their caller, so that nobody meets
// the invocation of another. The zero value is the one caller that nobody has
// authenticated.
type Caller struct {
	// Name tells callers apart.
	Name string
}

// Request asks to start a job.
type Request struct {
	Caller    Caller
	Job       string
	Overrides runwith.Overrides
	// Key is the caller's Idempotency-Key; empty is none.
	Key string
}

// owner is how a caller is stored.
func (c Caller) owner() string { return digest(16, "caller", c.Name) }

// key is how the request's key is stored, empty where it has none.
func (r Request) key() string {
	if r.Key == "" {
		return ""
	}
	return digest(sha256.Size, "key", r.Caller.Name, r.Key)
}

// fingerprint is what a repeat with the same key must have in common with the
// request: a hash of each field that it sets. It is of the caller's own request,
// not of its bytes, so that the order of fields makes no difference, nor does
// "60s" for "1m".
func (r Request) fingerprint() string {
	fields := map[string]any{"job": r.Job}
	o := r.Overrides
	if o.Args != nil {
		fields["args"] = o.Args
	}
	if len(o.Env) > 0 {
		fields["env"] = o.Env
	}
	if len(o.Containers) > 0 {
		fields["containers"] = o.Containers
	}
	if o.TaskCount != 0 {
		fields["taskCount"] = o.TaskCount
	}
	if o.Timeout != 0 {
		fields["timeout"] = o.Timeout.String()
	}
	parts := make([]string, 0, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value, err := json.Marshal(fields[name])
		if err != nil {
			continue // strings, lists and maps of them, and numbers always encode
		}
		parts = append(parts, name+"="+digest(12, name, string(value)))
	}
	return strings.Join(parts, " ")
}

// differing names the fields in which two fingerprints differ.
func differing(a, b string) []string {
	fields := map[string]int{}
	for part := range strings.FieldsSeq(a + " " + b) {
		fields[part]++
	}
	names := map[string]bool{}
	for part, count := range fields {
		if name, _, _ := strings.Cut(part, "="); count == 1 {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// keyReused refuses a key that stands for another request.
func keyReused(before Record, fingerprint string) error {
	return &runwith.Error{Code: runwith.AlreadyExists, Err: cause.KeyReused, Message: "Idempotency-Key: was used for invocation " + before.ID +
		", which differs in " + strings.Join(differing(before.Fingerprint, fingerprint), ", ") + ": send another key for another request"}
}

// digest returns the first n bytes of a hash of the parts, as text.
func digest(n int, parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		text, _ := json.Marshal(part) // parts do not run into each other
		h.Write(text)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:n])
}
