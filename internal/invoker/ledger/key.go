package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// A key lives until the later of KeyAfterAcceptance after the acceptance, or the record's own
// KeyKeep if that is longer, and KeyAfterEnd after the end.
const (
	KeyAfterAcceptance = 7 * 24 * time.Hour
	KeyAfterEnd        = 24 * time.Hour
)

// KeyLives reports whether a repeat with the record's key is answered with the record.
func (r Record) KeyLives(now time.Time) bool {
	return !r.Ended() || now.Before(r.Created.Add(max(KeyAfterAcceptance, r.KeyKeep))) || now.Before(r.Finished.Add(KeyAfterEnd))
}

// Repeats reports whether r repeats the earlier request that has its key. If not, that
// key has expired and r takes it over. The error, whose cause is [cause.KeyReused],
// refuses r because the key stands for another request.
func (r Record) Repeats(before Record, now time.Time) (bool, error) {
	switch {
	case !before.KeyLives(now):
		return false, nil
	case before.Fingerprint == r.Fingerprint:
		return true, nil
	}
	return false, &runwith.Error{Code: runwith.AlreadyExists, Err: cause.KeyReused, Message: fmt.Sprintf(
		"Idempotency-Key: was used for invocation %s, which differs in %s: send another key for another request",
		before.ID, strings.Join(differing(before.Fingerprint, r.Fingerprint), ", "))}
}

// differing returns the names of the fields in which two fingerprints differ.
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
