package sqlite

import (
	"context"
	"time"

	"github.com/runwith/runwith"
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
		if err := s.raiseVersions(tx); err != nil {
			return nil, err
		}
		calling, err := records(tx, selectRecord+` WHERE `+isCalling)
		if err != nil {
			return nil, err
		}
		if _, err := s.moveAll(tx, ledger.Recover(calling, from, settle)); err != nil {
			return nil, err
		}
		if err := voidLeases(tx); err != nil {
			return nil, err
		}
		for _, state := range ledger.Waiting() {
			if err := s.recoverWaiting(tx, state, from, settle); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	return asOf, err
}

// raiseVersions gives the rows of a restored store higher versions than those that callbacks
// may have told of since the backup.
func (s *Store) raiseVersions(tx *sqlite.Tx) error {
	if !s.restored() {
		return nil
	}
	_, err := tx.Exec(`UPDATE invocations SET version = max(version, ?) WHERE finished = 0`, ledger.LaterVersion(s.Now()))
	return err
}

// recoverWaiting recovers the rows in a waiting state, some at a time.
func (s *Store) recoverWaiting(tx *sqlite.Tx, state runwith.State, from time.Time, settle time.Duration) error {
	for last := ""; ; {
		waiting, err := records(tx, selectRecord+` INDEXED BY invocations_by_state WHERE state = ? AND id > ? ORDER BY id LIMIT ?`, state, last, recoverAtOnce)
		if err != nil || len(waiting) == 0 {
			return err
		}
		if _, err := s.moveAll(tx, ledger.Recover(waiting, from, settle)); err != nil {
			return err
		}
		last = waiting[len(waiting)-1].ID
	}
}

// latest is the latest [ledger.Record.LastEvent], read from indexes.
func latest(tx *sqlite.Tx) (time.Time, error) {
	var at int64
	err := tx.QueryRow(`SELECT max(
		coalesce((SELECT created FROM invocations ORDER BY rowid DESC LIMIT 1), 0),
		coalesce((SELECT max(started) FROM invocations WHERE state = 'running'), 0))`).Scan(&at)
	if err != nil {
		return time.Time{}, err
	}
	keeps, err := keptFor(tx)
	for _, keep := range keeps {
		var finished int64
		if err := tx.QueryRow(`SELECT max(finished) FROM invocations INDEXED BY invocations_ended WHERE finished > 0 AND keep = ?`, keep).Scan(&finished); err != nil {
			return time.Time{}, err
		}
		at = max(at, finished)
	}
	return fromMicros(at), err
}

// Lapse implements [store.Store].
func (s *Store) Lapse(ctx context.Context, now time.Time, settle time.Duration) ([]ledger.Record, error) {
	return s.write(ctx, "look for leases that have ended", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		lapsed, err := records(tx, selectRecord+` WHERE `+isCalling+` AND lease_until <= ?`, micros(now))
		if err != nil {
			return nil, err
		}
		if lapsed, err = s.moveAll(tx, ledger.Lapse(lapsed, now, settle)); err != nil {
			return nil, err
		}
		_, err = tx.Exec(`UPDATE invocations INDEXED BY invocations_watched
			SET watch_until = 0, watched = (state = 'running' OR search_from > 0), version = version + 1
			WHERE watched = 1 AND watch_until BETWEEN 1 AND ?`, micros(now))
		return lapsed, err
	})
}
