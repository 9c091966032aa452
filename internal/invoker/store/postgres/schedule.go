package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store/column"
)

const selectSchedule = `SELECT name, spec, timing, paused, cursor, last, counts, version FROM schedules`

func scanSchedule(row pgx.Row) (s ledger.Schedule, err error) {
	var last, counts string
	if err := row.Scan(&s.Name, &s.Spec, &s.Timing, &s.Paused, (*moment)(&s.Cursor), &last, &counts, &s.Version); err != nil {
		return s, err
	}
	if len(s.Spec) == 0 {
		s.Spec = nil
	}
	if err := errors.Join(column.Decode(last, &s.Last), column.Decode(counts, &s.Counts)); err != nil {
		return s, errors.Join(errDamaged, err)
	}
	return s, nil
}

// Schedules implements [store.Store].
func (s *Store) Schedules(ctx context.Context) (found []ledger.Schedule, err error) {
	err = s.ask(ctx, "read schedules", func(t tx) (err error) {
		found, err = all(t, scanSchedule, selectSchedule+` ORDER BY name`)
		return err
	})
	return found, err
}

// Schedule implements [store.Store].
func (s *Store) Schedule(ctx context.Context, name string) (ledger.Schedule, error) {
	return one(s.asks(ctx, fmt.Sprintf("schedule %q", name)), scanSchedule, selectSchedule+` WHERE name = $1`, name)
}

// SaveSchedules implements [store.Store].
func (s *Store) SaveSchedules(ctx context.Context, states []ledger.Schedule) (saved []ledger.Schedule, err error) {
	names := make([]string, len(states))
	for i, one := range states {
		names[i] = one.Name
	}
	_, err = s.write(ctx, "save schedules", func(t tx) ([]ledger.Record, error) {
		saved = nil
		if _, err := t.exec(`SELECT 1 FROM schedules WHERE name = ANY($1) ORDER BY name FOR UPDATE`, names); err != nil {
			return nil, err
		}
		for _, one := range states {
			changed, err := saveSchedule(t, one)
			if err != nil {
				return nil, err
			}
			if changed {
				one.Version = nextVersion(one)
				saved = append(saved, one)
			}
		}
		return nil, nil
	})
	return saved, err
}

// nextVersion returns the version of a state once it is saved.
func nextVersion(s ledger.Schedule) int64 {
	if s.Version == 0 {
		return s.FirstVersion()
	}
	return s.Version + 1
}

func saveSchedule(t tx, s ledger.Schedule) (changed bool, err error) {
	last, counts := column.Encode(s.Last, s.Last != ledger.SlotOutcome{}), column.Encode(s.Counts, s.Counts != ledger.SlotCounts{})
	args := []any{s.Name, append([]byte{}, s.Spec...), s.Timing, s.Paused, stamp(s.Cursor), last, counts, nextVersion(s)}
	var n int64
	if s.Version == 0 {
		n, err = t.exec(`INSERT INTO schedules (name, spec, timing, paused, cursor, last, counts, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`, args...)
	} else {
		n, err = t.exec(`UPDATE schedules SET (spec, timing, paused, cursor, last, counts, version) = ($2, $3, $4, $5, $6, $7, $8)
			WHERE name = $1 AND version = $9`, append(args, s.Version)...)
	}
	return n == 1, err
}

// RemoveSchedule implements [store.Store].
func (s *Store) RemoveSchedule(ctx context.Context, name string, version int64) (removed bool, err error) {
	_, err = s.write(ctx, "remove a schedule", func(t tx) ([]ledger.Record, error) {
		n, err := t.exec(`DELETE FROM schedules WHERE name = $1 AND version = $2`, name, version)
		removed = n == 1
		return nil, err
	})
	return removed, err
}
