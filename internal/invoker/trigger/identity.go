package trigger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

// Times of events. A key is kept for KeyKeep after the acceptance, and that is at most
// maxAhead before the time of the event. So an event that is not older than maxAge still
// meets the key of its first arrival.
const (
	maxAge   = 31 * 24 * time.Hour
	maxAhead = 24 * time.Hour
	// KeyKeep is how long the key of an event is kept after the event was accepted.
	KeyKeep = maxAge + maxAhead
)

// checkAge refuses an event whose key may have been forgotten.
func checkAge(at, now time.Time) error {
	switch age := now.Sub(at); {
	case at.IsZero():
		return nil
	case age > maxAge:
		days := (now.Unix() - at.Unix()) / (24 * 60 * 60) // a Duration ends at 292 years
		return runwith.Errorf(runwith.FailedPrecondition,
			"the event is %d days old, and events older than %d are refused, because their keys may be forgotten: nobody knows whether it has started the job; retry it if it has not", days, int(maxAge.Hours()/24))
	case age < -maxAhead:
		return runwith.Errorf(runwith.FailedPrecondition, "the time of the event is more than a day ahead: check the clock of its source, and retry it")
	}
	return nil
}

// identityOf returns the identity of an event: the source's own, or the values at the key's
// pointers.
func (t *trigger) identityOf(e event) (string, error) {
	parts := e.identity
	if len(t.key) > 0 {
		parts = nil
	}
	for i, p := range t.key {
		value, found := p.in(e.content)
		text, fault := textOf(value)
		switch {
		case !found && p.inside("data"):
			return "", malformed("key: the event has nothing at %s%s", t.spec.Key[i], whyText(e.content))
		case !found:
			return "", malformed("key: the event has nothing at %s", t.spec.Key[i])
		case fault != "":
			return "", malformed("key: the event's value at %s %s", t.spec.Key[i], fault)
		case text == "":
			return "", malformed("key: the event's value at %s is empty", t.spec.Key[i])
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "", malformed("the event has no identity of its own: set key (triggers.%s.key), or let the source send its metadata", t.name)
	}
	return joinIdentity(parts), nil
}

// joinIdentity writes the parts of an identity as one text, each differently, of at most
// [invoker.MaxKey] bytes.
func joinIdentity(parts []string) string {
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('#')
		}
		writePart(&b, part)
	}
	identity := b.String()
	if len(identity) <= invoker.MaxKey {
		return identity
	}
	hash := sha256.Sum256([]byte(identity))
	return strings.ToValidUTF8(identity[:invoker.MaxKey-len("##")-2*sha256.Size], "") + "##" + hex.EncodeToString(hash[:])
}

// writePart writes a part of an identity, percent-encoded where it would be ambiguous or not
// printable.
func writePart(b *strings.Builder, part string) {
	for i, size := 0, 0; i < len(part); i += size {
		var r rune
		if r, size = utf8.DecodeRuneInString(part[i:]); r != '#' && r != '%' && r != utf8.RuneError && unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(part[i : i+size]) {
			fmt.Fprintf(b, "%%%02X", c)
		}
	}
}
