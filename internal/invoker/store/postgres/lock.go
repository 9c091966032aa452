package postgres

import "slices"

// Kinds of advisory locks, which a transaction holds until its end. They are this package's alone
// as long as no other program uses the same numbers in the same database. Two keys with the same
// hash share a lock, which costs time and nothing else.
const (
	lockSchema  = 0x72770001
	lockSlots   = 0x72770002
	lockBudgets = 0x72770003
	lockLanes   = 0x72770004
)

// lockKeys takes the locks of the slots of keys, in the order of their hashes, so that two
// transactions never wait for each other.
func (t tx) lockKeys(keys []string) error {
	if keys = named(keys); len(keys) == 0 {
		return nil
	}
	_, err := t.exec(`SELECT pg_advisory_xact_lock($1, hash) FROM (`+hashes+`) AS sorted`, lockSlots, keys)
	return err
}

// tryKeys takes the free locks among the slots of keys, and returns their keys.
func (t tx) tryKeys(keys []string) ([]string, error) {
	if keys = named(keys); len(keys) == 0 {
		return nil, nil
	}
	return t.texts(`SELECT key FROM unnest($2::text[]) AS key WHERE pg_try_advisory_xact_lock($1, hashtext(key))`, lockSlots, keys)
}

// hashes selects the hashes of keys in their order. PostgreSQL does not take the function of the
// lock into a query that sorts.
const hashes = `SELECT DISTINCT hashtext(key) AS hash FROM unnest($2::text[]) AS key ORDER BY hash`

// named returns the keys without the empty one.
func named(keys []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == "" })
}

// lockAll takes the only lock of a kind.
func (t tx) lockAll(kind int) error {
	_, err := t.exec(`SELECT pg_advisory_xact_lock($1, 0)`, kind)
	return err
}
