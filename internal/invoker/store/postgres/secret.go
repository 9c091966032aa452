package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Secret returns a secret that all processes of the store share: the first one that asks for a name
// stores fresh under it. Whoever can read the database can read it.
func (s *Store) Secret(ctx context.Context, name string, fresh []byte) (kept []byte, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(t pgx.Tx) error {
			if _, err := t.Exec(ctx, `INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, fresh); err != nil {
				return err
			}
			return t.QueryRow(ctx, `SELECT value FROM secrets WHERE name = $1`, name).Scan(&kept)
		})
	})
	return kept, s.failed("read a secret", err)
}
