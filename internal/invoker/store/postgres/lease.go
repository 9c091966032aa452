package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Alone implements [store.Shared]: other processes may use the database.
func (s *Store) Alone() bool { return false }

// Hold implements [store.Shared]. The database's clock alone decides when a lease has ended.
func (s *Store) Hold(ctx context.Context, name string, period time.Duration) (epoch int64, err error) {
	err = s.retry(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, `INSERT INTO leases (name, holder, epoch, until) VALUES ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 microsecond')
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until,
				epoch = leases.epoch + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END
			WHERE leases.holder = excluded.holder OR leases.until <= clock_timestamp()
			RETURNING epoch`, name, s.holder, period.Microseconds()).Scan(&epoch)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return epoch, s.failed("take a lease", err)
}

// Release implements [store.Shared].
func (s *Store) Release(ctx context.Context, name string) error {
	return s.release(ctx, `UPDATE leases SET until = 'epoch' WHERE name = $1 AND holder = $2`, name, s.holder)
}

// releaseAll ends all leases of this process, if the database still answers.
func (s *Store) releaseAll() {
	ctx, cancel := context.WithTimeout(context.Background(), sampleTimeout)
	defer cancel()
	if err := s.release(ctx, `UPDATE leases SET until = 'epoch' WHERE holder = $1`, s.holder); err != nil {
		s.logger.Warn("leases were not given back, so others wait for their end", "error", err)
	}
}

func (s *Store) release(ctx context.Context, statement string, args ...any) error {
	_, err := s.pool.Exec(ctx, statement, args...)
	return s.failed("give back a lease", err)
}
