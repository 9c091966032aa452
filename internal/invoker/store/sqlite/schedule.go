package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

const selectSchedule = `SELECT name, spec, timing, paused, cursor, last, counts, version FROM schedules`

func scanSchedule(row sqlite.Row) (s ledger.Schedule, err error) {
	var (
		cursor       int64
		last, counts string
	)
	if err := row.Scan(&s.Name, &s.Spec, &s.Timing, &s.Paused, &cursor, &last, &counts, &s.Version); err != nil {
		return s, err
	}
	if len(s.Spec) == 0 {
		s.Spec = nil
	}
	s.Cursor = fromMicros(cursor)
	return s, errors.Join(decode(last, &s.Last), decode(counts, &s.Counts))
}

// Schedules implements [store.Store].
func (s *Store) Schedules(ctx context.Context) (all []ledger.Schedule, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(selectSchedule + ` ORDER BY name`) {
			if err != nil {
				return err
			}
			one, err := scanSchedule(row)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read schedules: %w", err)
	}
	return all, nil
}

// Schedule implements [store.Store].
func (s *Store) Schedule(ctx context.Context, name string) (found ledger.Schedule, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) (err error) {
		found, err = scanSchedule(tx.QueryRow(selectSchedule+` WHERE name = ?`, name))
		return err
	})
	switch {
	case errors.Is(err, sqlite.ErrNoRows):
		return found, store.NotFound(fmt.Sprintf("schedule %q", name))
	case err != nil:
		return found, fmt.Errorf("read a schedule: %w", err)
	}
	return found, nil
}

// SaveSchedules implements [store.Store].
func (s *Store) SaveSchedules(ctx context.Context, states []ledger.Schedule) (saved []ledger.Schedule, err error) {
	_, err = s.write(ctx, "save schedules", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		saved = nil
		for _, one := range states {
			changed, err := saveSchedule(tx, one)
			if err != nil {
				return nil, err
			}
			if changed {
				one.Version = next(one)
				saved = append(saved, one)
			}
		}
		return nil, nil
	})
	return saved, err
}

// next returns the version of a state once it is saved.
func next(s ledger.Schedule) int64 {
	if s.Version == 0 {
		return s.FirstVersion()
	}
	return s.Version + 1
}

func saveSchedule(tx *sqlite.Tx, s ledger.Schedule) (changed bool, err error) {
	last, counts := encode(s.Last, s.Last != ledger.SlotOutcome{}), encode(s.Counts, s.Counts != ledger.SlotCounts{})
	var n int64
	if s.Version == 0 {
		n, err = tx.Exec(`INSERT INTO schedules (name, spec, timing, paused, cursor, last, counts, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			s.Name, append([]byte{}, s.Spec...), s.Timing, s.Paused, micros(s.Cursor), last, counts, next(s))
	} else {
		n, err = tx.Exec(`UPDATE schedules SET spec = ?, timing = ?, paused = ?, cursor = ?, last = ?, counts = ?, version = version + 1 WHERE name = ? AND version = ?`,
			append([]byte{}, s.Spec...), s.Timing, s.Paused, micros(s.Cursor), last, counts, s.Name, s.Version)
	}
	return n == 1, err
}

// RemoveSchedule implements [store.Store].
func (s *Store) RemoveSchedule(ctx context.Context, name string, version int64) (removed bool, err error) {
	_, err = s.write(ctx, "remove a schedule", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		n, err := tx.Exec(`DELETE FROM schedules WHERE name = ? AND version = ?`, name, version)
		removed = n == 1
		return nil, err
	})
	return removed, err
}
