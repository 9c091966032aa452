package sqlite

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// isCalling is [ledger.Record.Calling].
const isCalling = `state = 'starting' AND search_from = 0`

// recoverAtOnce bounds how many rows recovery has in memory.
const recoverAtOnce = 500

// Recover implements [store.Store].
func (s *Store) Recover(ctx context.Context, from time.Time, settle time.Duration) (asOf time.Time, err error) {
	_, err = s.write(ctx, "recover invocations", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		if asOf, err = latest(tx); err != nil {
			return nil, err
		}
		calling, err := records(tx, selectRecord+` WHERE `+isCalling)
		if err != nil {
			return nil, err
		}
		if _, err := moveAll(tx, ledger.Recover(calling, from, settle)); err != nil {
			return nil, err
		}
		for last := ""; ; {
			waiting, err := records(tx, selectRecord+` INDEXED BY invocations_waiting WHERE `+isWaiting+` AND id > ? ORDER BY id LIMIT ?`, last, recoverAtOnce)
			if err != nil || len(waiting) == 0 {
				return nil, err
			}
			if _, err := moveAll(tx, ledger.Recover(waiting, from, settle)); err != nil {
				return nil, err
			}
			last = waiting[len(waiting)-1].ID
		}
	})
	return asOf, err
}

// latest is the latest [ledger.Record.LastEvent], read from indexes.
func latest(tx *sqlite.Tx) (time.Time, error) {
	var at int64
	err := tx.QueryRow(`SELECT max(
		coalesce((SELECT created FROM invocations ORDER BY rowid DESC LIMIT 1), 0),
		coalesce((SELECT max(finished) FROM invocations WHERE finished > 0), 0),
		coalesce((SELECT max(started) FROM invocations WHERE state = 'running'), 0))`).Scan(&at)
	return fromMicros(at), err
}

// Lapse implements [store.Store].
func (s *Store) Lapse(ctx context.Context, now time.Time, settle time.Duration) ([]ledger.Record, error) {
	return s.write(ctx, "look for leases that have ended", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		lapsed, err := records(tx, selectRecord+` WHERE `+isCalling+` AND lease_until <= ?`, micros(now))
		if err != nil {
			return nil, err
		}
		if lapsed, err = moveAll(tx, ledger.Lapse(lapsed, now, settle)); err != nil {
			return nil, err
		}
		_, err = tx.Exec(`UPDATE invocations INDEXED BY invocations_watched
			SET watch_until = 0, watched = (state = 'running' OR search_from > 0), version = version + 1
			WHERE watched = 1 AND watch_until BETWEEN 1 AND ?`, micros(now))
		return lapsed, err
	})
}
