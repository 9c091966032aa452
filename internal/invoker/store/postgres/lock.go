package postgres

import (
	"slices"
)

// Kinds of advisory locks, which a transaction holds until its end. They are this package's alone
// as long as no other program uses the same numbers in the same database. Two keys with the same
// hash share a lock, which costs time and nothing else.
const (
	lockSchema  = 0x72770001
	lockSlots   = 0x72770002
	lockBudgets = 0x72770003
)

// lockKeys takes the locks of keys, in their order.
func (t tx) lockKeys(kind int, keys []string) error {
	keys = slices.Sorted(slices.Values(keys))
	for _, key := range slices.Compact(keys) {
		if key == "" {
			continue
		}
		if _, err := t.exec(`SELECT pg_advisory_xact_lock($1, hashtext($2))`, kind, key); err != nil {
			return err
		}
	}
	return nil
}

// lockAll takes the only lock of a kind.
func (t tx) lockAll(kind int) error {
	_, err := t.exec(`SELECT pg_advisory_xact_lock($1, 0)`, kind)
	return err
}
