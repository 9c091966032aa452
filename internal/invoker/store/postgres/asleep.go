package postgres

import (
	"context"
	"time"
)

// A row is asleep if its request asked for a later start. Take wakes the rows whose time has come.
// So it costs nothing that thousands of rows start in a month. An acceptance that counts the rows
// of a slot counts those whose time has come, whether they were woken or not.

// wakeAtOnce bounds how many rows one Take wakes.
const wakeAtOnce = 500

// isLater is the condition of the index invocations_later.
const isLater = isWaiting + ` AND start_at > 'epoch'`

// wake wakes rows whose time has come. It passes over rows that another process changes now.
func (s *Store) wake(ctx context.Context, now time.Time) error {
	return s.ask(ctx, "wake invocations", func(t tx) error {
		_, err := t.exec(`UPDATE invocations SET asleep = false WHERE id IN (
			SELECT id FROM invocations WHERE asleep AND `+isLater+` AND start_at <= $1
			ORDER BY start_at LIMIT $2 FOR UPDATE SKIP LOCKED)`, stamp(now), wakeAtOnce)
		return err
	})
}

// nextToWake selects the earliest start of a sleeping row.
const nextToWake = `SELECT coalesce((SELECT start_at FROM invocations WHERE asleep AND ` + isLater + ` ORDER BY start_at LIMIT 1), 'epoch')`

// wakes reads when the next sleeping row is due, which may be in the past; zero: none sleeps.
func (b *batch) wakes(at *time.Time) {
	b.row((*moment)(at), nextToWake)
}
