package sqlite

import (
	"context"
	"fmt"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

// Endpoints implements [store.Store].
func (s *Store) Endpoints(ctx context.Context) (all []ledger.Endpoint, err error) {
	err = s.db.Read(ctx, func(tx *sqlite.Tx) error {
		for row, err := range tx.Query(allLanes + `, names(name) AS (SELECT lane FROM lanes WHERE lane IS NOT NULL UNION SELECT name FROM endpoints)
			SELECT name, coalesce(failing_since, 0), coalesce(disabled_at, 0), coalesce(reason, ''),
				(SELECT count(*) FROM deliveries INDEXED BY deliveries_due WHERE lane = name AND state = 'pending')
			FROM names LEFT JOIN endpoints USING (name) ORDER BY name`) {
			if err != nil {
				return err
			}
			var (
				e               ledger.Endpoint
				since, disabled int64
			)
			if err := row.Scan(&e.Name, &since, &disabled, &e.Reason, &e.Pending); err != nil {
				return err
			}
			e.FailingSince, e.DisabledAt = fromMicros(since), fromMicros(disabled)
			all = append(all, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	return all, nil
}

// SaveEndpoint implements [store.Store].
func (s *Store) SaveEndpoint(ctx context.Context, e ledger.Endpoint) error {
	_, err := s.write(ctx, "save an endpoint", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		if e.FailingSince.IsZero() && e.DisabledAt.IsZero() {
			_, err := tx.Exec(`DELETE FROM endpoints WHERE name = ? AND disabled_at = 0`, e.Name)
			return nil, err
		}
		_, err := tx.Exec(`INSERT INTO endpoints (name, failing_since, disabled_at, reason) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET failing_since = excluded.failing_since, disabled_at = excluded.disabled_at, reason = excluded.reason
			WHERE disabled_at = 0`,
			e.Name, micros(e.FailingSince), micros(e.DisabledAt), e.Reason)
		return nil, err
	})
	return err
}

// EnableEndpoint implements [store.Store].
func (s *Store) EnableEndpoint(ctx context.Context, name string) error {
	_, err := s.write(ctx, "enable an endpoint", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		_, err := tx.Exec(`DELETE FROM endpoints WHERE name = ?`, name)
		return nil, err
	})
	return err
}
