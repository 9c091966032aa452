package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// A row is parked if the slots of its concurrency key were taken when it was accepted, or when
// Take looked at it. Take passes over parked rows, so it costs nothing that thousands wait
// behind a slot. Each move that may leave a slot free ([ledger.Move.Releases]) unparks the
// next row of the key, in the same transaction. To unpark too much is harmless: Take counts
// the slots again.
//
// Whoever counts the slots of a key to decide something holds the key's lock, and so does whoever
// releases one. Otherwise one process could park a row while another one releases the slot for
// which the row waits, and nobody would look at it again.

// The states of [ledger.Waiting] and [ledger.Holding], as the partial indexes of the schema spell
// them.
const (
	isWaiting = `state IN ('accepted', 'queued')`
	isHolding = `state IN ('starting', 'running', 'unresolved')`
)

const (
	// holds selects the rows that hold the slots of the key $1, and countHeld counts them.
	holds     = `slot = $1 AND slot <> '' AND finished = 'epoch' AND ` + isHolding
	countHeld = `SELECT count(*) FROM invocations WHERE ` + holds
	// awaiting are the IDs of the first $3 rows that wait for the slots of the key $1 at the time $2.
	// That a row still sleeps does not matter if its time has come.
	awaiting = `ARRAY(SELECT id FROM invocations WHERE slot = $1 AND slot <> '' AND ` + isWaiting + ` AND NOT asleep ORDER BY id LIMIT $3)
		|| ARRAY(SELECT id FROM invocations WHERE asleep AND ` + isLater + ` AND start_at <= $2 AND slot = $1 AND slot <> '' ORDER BY id LIMIT $3)`
)

// heldSlots counts the slots that are taken of the keys $1.
const heldSlots = `SELECT slot, count(*) FROM invocations WHERE slot = ANY($1) AND slot <> '' AND finished = 'epoch' AND ` + isHolding + ` GROUP BY slot`

// countEach counts the slots that are taken of several keys.
func (b *batch) countEach(held map[string]int, keys []string) {
	b.Queue(heldSlots, clean([]any{keys})...).Query(func(rows pgx.Rows) error {
		var (
			key string
			n   int
		)
		_, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error {
			held[key] = n
			return nil
		})
		return err
	})
}

// park has rows passed over until a slot of their key is released. The caller has the locks of the
// keys.
func park(t tx, rows []ledger.Record, now time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	ids, histories := make([]string, len(rows)), make([]string, len(rows))
	for i, r := range rows {
		ids[i], histories[i] = r.ID, string(r.Parking(now).Trail)
	}
	_, err := t.exec(`UPDATE invocations SET parked = true, history = parking.history
		FROM unnest($1::text[], $2::text[]) AS parking (id, history) WHERE invocations.id = parking.id`, ids, histories)
	return err
}

// isParked selects the parked rows of the key $1.
const isParked = `slot = $1 AND ` + isDispatchable + ` AND parked`

// unparkNext unparks the oldest row of the key $1 whose limit leaves a slot free. It reads one row of
// each limit, and none if no limit leaves a slot free, as when a parked row is cancelled.
func unparkNext() string {
	return `UPDATE invocations SET parked = false WHERE id = (SELECT min(id) FROM (` +
		distinct("invocations", "slot_limit", isParked+` AND slot_limit > (`+countHeld+`)`) + `) AS limits (most), LATERAL (
			SELECT id FROM invocations WHERE ` + isParked + ` AND slot_limit = most ORDER BY id LIMIT 1) AS oldest)`
}

// unpark makes Take look at a parked row again: the oldest one of the key whose limit leaves a slot
// free. The caller holds the lock of the key.
func (b *batch) unpark(slot string) {
	if slot == "" {
		return
	}
	b.exec(unparkNext(), slot)
}
