package postgres

import (
	"context"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// isCalling is [ledger.Record.Calling]. At the time $1, isLapsed adds that the lease has ended, and
// isWatchedOut is [ledger.Record.WatchedOut].
const (
	isCalling    = `state = 'starting' AND search_from = 'epoch'`
	isLapsed     = isCalling + ` AND lease_until <= $1`
	isWatchedOut = `watched AND watch_until > 'epoch' AND watch_until <= $1`
)

// recoverAtOnce bounds how many rows recovery has in memory.
const recoverAtOnce = 500

// Recover implements [store.Store]. If several processes open a copy at once, each of them recovers
// it: to search for a row once more is harmless.
func (s *Store) Recover(ctx context.Context, from time.Time, settle time.Duration) (asOf time.Time, err error) {
	origin, err := s.Origin(ctx)
	if err != nil || !origin.Restored {
		return time.Time{}, err
	}
	_, err = s.write(ctx, "recover invocations", func(t tx) ([]ledger.Record, error) {
		if asOf, err = latest(t); err != nil {
			return nil, err
		}
		// Since the backup, callbacks may have had higher versions.
		if _, err := t.exec(`UPDATE invocations SET version = greatest(version, $1) WHERE finished = 'epoch'`, ledger.LaterVersion(s.Now())); err != nil {
			return nil, err
		}
		return nil, voidLeases(t)
	})
	for last := ""; err == nil; {
		last, err = s.recoverSome(ctx, last, from, settle)
		if last == "" {
			break
		}
	}
	return asOf, err
}

// recoverSome recovers the first rows behind one. It returns the last of them; empty: there is none.
func (s *Store) recoverSome(ctx context.Context, behind string, from time.Time, settle time.Duration) (last string, err error) {
	var rows []ledger.Record
	err = s.ask(ctx, "recover invocations", func(t tx) (err error) {
		rows, err = records(t, selectRecord+` WHERE (`+isWaiting+` OR `+isCalling+`) AND id > $1 ORDER BY id LIMIT $2`, behind, recoverAtOnce)
		return err
	})
	if err != nil || len(rows) == 0 {
		return "", err
	}
	_, err = s.MoveEach(ctx, ledger.Recover(rows, from, settle))
	return rows[len(rows)-1].ID, err
}

// latest is the latest [ledger.Record.LastEvent].
func latest(t tx) (at time.Time, err error) {
	err = t.row(`SELECT greatest('epoch', (SELECT created FROM invocations ORDER BY id DESC LIMIT 1),
		(SELECT max(started) FROM invocations WHERE state = 'running'), (SELECT max(finished) FROM invocations))`).Scan((*moment)(&at))
	return at, err
}

// Lapse implements [store.Store]. It passes over rows that another process changes now: a later look
// finds them.
func (s *Store) Lapse(ctx context.Context, now time.Time, settle time.Duration) (lapsed []ledger.Record, err error) {
	var due bool
	err = s.ask(ctx, "look for leases that have ended", func(t tx) error {
		return t.row(`SELECT EXISTS (SELECT 1 FROM invocations WHERE `+isLapsed+`)
			OR EXISTS (SELECT 1 FROM invocations WHERE `+isWatchedOut+`)`, stamp(now)).Scan(&due)
	})
	if err != nil || !due {
		return nil, err
	}
	return s.write(ctx, "end leases", func(t tx) ([]ledger.Record, error) {
		rows, err := records(t, selectRecord+` WHERE `+isLapsed+` ORDER BY id FOR UPDATE SKIP LOCKED`, stamp(now))
		if err != nil {
			return nil, err
		}
		if rows, err = s.moveAll(t, ledger.Lapse(rows, now, settle)); err != nil {
			return nil, err
		}
		_, err = t.exec(`UPDATE invocations SET watch_until = 'epoch', watched = (state = 'running' OR search_from > 'epoch'), version = version + 1
			WHERE id IN (SELECT id FROM invocations WHERE `+isWatchedOut+` ORDER BY id FOR UPDATE SKIP LOCKED)`, stamp(now))
		return rows, err
	})
}
