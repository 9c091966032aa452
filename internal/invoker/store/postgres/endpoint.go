package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

// Endpoints implements [store.Store].
func (s *Store) Endpoints(ctx context.Context) (found []ledger.Endpoint, err error) {
	scanEndpoint := func(row pgx.Row) (e ledger.Endpoint, err error) {
		err = row.Scan(&e.Name, (*moment)(&e.FailingSince), (*moment)(&e.DisabledAt), &e.Reason, &e.Pending)
		return e, err
	}
	err = s.ask(ctx, "read endpoints", func(t tx) (err error) {
		found, err = all(t, scanEndpoint, `SELECT name, coalesce(failing_since, 'epoch'), coalesce(disabled_at, 'epoch'), coalesce(reason, ''),
				(SELECT count(*) FROM deliveries WHERE lane = name AND state = 'pending')
			FROM (`+allLanes()+` UNION SELECT name FROM endpoints) AS lane (name) LEFT JOIN endpoints USING (name) ORDER BY name`)
		return err
	})
	return found, err
}

// SaveEndpoint implements [store.Store].
func (s *Store) SaveEndpoint(ctx context.Context, e ledger.Endpoint) error {
	_, err := s.write(ctx, "save an endpoint", func(t tx) ([]ledger.Record, error) {
		if e.FailingSince.IsZero() && e.DisabledAt.IsZero() {
			_, err := t.exec(`DELETE FROM endpoints WHERE name = $1 AND disabled_at = 'epoch'`, e.Name)
			return nil, err
		}
		_, err := t.exec(`INSERT INTO endpoints (name, failing_since, disabled_at, reason) VALUES ($1, $2, $3, $4)
			ON CONFLICT (name) DO UPDATE SET failing_since = excluded.failing_since, disabled_at = excluded.disabled_at, reason = excluded.reason
			WHERE endpoints.disabled_at = 'epoch'`,
			e.Name, stamp(e.FailingSince), stamp(e.DisabledAt), e.Reason)
		return nil, err
	})
	return err
}

// EnableEndpoint implements [store.Store].
func (s *Store) EnableEndpoint(ctx context.Context, name string) error {
	_, err := s.write(ctx, "enable an endpoint", func(t tx) ([]ledger.Record, error) {
		_, err := t.exec(`DELETE FROM endpoints WHERE name = $1`, name)
		return nil, err
	})
	return err
}
