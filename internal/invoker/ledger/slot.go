package ledger

import "strings"

// Slot is the bound on how many invocations with the same concurrency key are under way.
// The zero value is unlimited.
type Slot struct {
	// Key is the concurrency key. Invocations of different jobs share slots if their keys are
	// equal, so a key that belongs to a job begins with its name.
	Key string
	// Limit is the number of slots of the key.
	Limit int
	// Overflow decides about a newcomer for which there is no slot.
	Overflow Overflow
}

// RateLimit is how often requests are accepted. Requests that name the same limit share it.
type RateLimit struct {
	Name  string // of the bucket
	Quota Quota
}

// maxSlotKey bounds a concurrency key as it is stored, in bytes.
const maxSlotKey = 200

// StoredKey returns the key as it is stored: a long one ends with a hash instead.
func (s Slot) StoredKey() string {
	if len(s.Key) <= maxSlotKey {
		return s.Key
	}
	return strings.ToValidUTF8(s.Key[:maxSlotKey/2], "") + "~" + digest(16, "slot", s.Key)
}
