package sqlite

import (
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// A row is parked if the slots of its concurrency key were taken when it was accepted, or when
// Take looked at it. Take passes over parked rows, so it costs nothing that thousands wait
// behind a slot. Each move that may leave a slot free ([ledger.Move.Releases]) unparks the
// next row of the key, in the same transaction. To unpark too much is harmless: Take counts
// the slots again.

// countHeld counts the slots of a key that are taken.
const countHeld = `SELECT count(*) FROM invocations INDEXED BY invocations_held_slots WHERE slot = ?1 AND slot <> '' AND finished = 0 AND ` + isHolding

// heldBy returns how many slots of the rows' concurrency keys are taken.
func heldBy(tx *sqlite.Tx, rows []ledger.Record) (map[string]int, error) {
	held := map[string]int{}
	for _, r := range rows {
		if _, known := held[r.Slot]; known || !r.Bounded() {
			continue
		}
		var n int
		if err := tx.QueryRow(countHeld, r.Slot).Scan(&n); err != nil {
			return nil, err
		}
		held[r.Slot] = n
	}
	return held, nil
}

// park makes Take pass over rows until a slot of their key is released.
func park(tx *sqlite.Tx, rows []ledger.Record, now time.Time) error {
	for _, r := range rows {
		if _, err := tx.Exec(`UPDATE invocations SET parked = 1, history = ? WHERE id = ?`, r.Parking(now).Trail, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// followSlot writes what follows from a move for those that wait for a slot. A row that was parked
// leaves no slot free. Only the stored row knows whether it was: unpark does not change its version.
func followSlot(tx *sqlite.Tx, m ledger.Move) error {
	var parked int64
	if m.To.Slot != "" && m.Unparks() {
		var err error
		if parked, err = tx.Exec(`UPDATE invocations SET parked = 0 WHERE id = ? AND parked = 1`, m.From.ID); err != nil {
			return err
		}
	}
	if !m.Releases() || parked > 0 && !m.From.Holds() {
		return nil
	}
	return unpark(tx, m.From.Slot)
}

// unpark makes Take look at a parked row again: the oldest one of the key whose limit leaves a slot
// free.
func unpark(tx *sqlite.Tx, slot string) error {
	if slot == "" {
		return nil
	}
	_, err := tx.Exec(`UPDATE invocations SET parked = 0 WHERE id = (
		SELECT id FROM invocations INDEXED BY invocations_parked WHERE slot = ?1 AND `+isDispatchable+` AND parked = 1
			AND slot_limit > (`+countHeld+`) ORDER BY id LIMIT 1)`, slot)
	return err
}
