package sqlite

import (
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

// A row is asleep if its request asked for a later start. Take, and acceptances that count
// the rows of a slot, wake the rows whose time has come. So it costs them nothing that
// thousands of rows start in a month.

// wakeAtOnce bounds how many rows one transaction wakes.
const wakeAtOnce = 500

// isLater is the condition of the index invocations_later.
const isLater = isWaiting + ` AND start_at > 0`

// wake wakes rows whose time has come.
func wake(tx *sqlite.Tx, now time.Time) error {
	_, err := tx.Exec(`UPDATE invocations SET asleep = 0 WHERE rowid IN (
		SELECT rowid FROM invocations INDEXED BY invocations_later WHERE asleep = 1 AND `+isLater+` AND start_at <= ?
		ORDER BY start_at LIMIT ?)`, micros(now), wakeAtOnce)
	return err
}

// wakes returns when the next sleeping row is due, which may be in the past; zero: none sleeps.
func wakes(tx *sqlite.Tx) (time.Time, error) {
	var at *int64
	err := tx.QueryRow(`SELECT min(start_at) FROM invocations INDEXED BY invocations_later WHERE asleep = 1 AND ` + isLater).Scan(&at)
	if err != nil || at == nil {
		return time.Time{}, err
	}
	return fromMicros(*at), nil
}
