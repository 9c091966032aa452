package invoker

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

// rateBucket is the name of the bucket of a job's rate.
func rateBucket(job string) string { return "rate/" + job }

func loadBucket(tx *sqlite.Tx, name string, q Quota, now time.Time) (Bucket, error) {
	b := Bucket{Name: name}
	var filled, notBefore int64
	err := tx.QueryRow(`SELECT tokens, filled, not_before, failures FROM buckets WHERE name = ?`, name).
		Scan(&b.Tokens, &filled, &notBefore, &b.Failures)
	if err != nil && !errors.Is(err, sqlite.ErrNoRows) {
		return b, err
	}
	b.Filled, b.NotBefore = fromMicros(filled), fromMicros(notBefore)
	if q > 0 {
		b = b.filled(q, now)
	}
	return b, nil
}

func saveBucket(tx *sqlite.Tx, b Bucket) error {
	_, err := tx.Exec(`INSERT INTO buckets (name, tokens, filled, not_before, failures) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, filled = excluded.filled,
			not_before = excluded.not_before, failures = excluded.failures`,
		b.Name, b.Tokens, micros(b.Filled), micros(b.NotBefore), b.Failures)
	return err
}

// Spend implements [Buckets].
func (s *sqliteStore) Spend(ctx context.Context, name string, q Quota, now time.Time) (ok bool, next time.Time, err error) {
	_, err = s.write(ctx, "spend a token", func(tx *sqlite.Tx) ([]Record, error) {
		b, err := loadBucket(tx, name, q, now)
		if err != nil {
			return nil, err
		}
		n, at := b.available(q, now)
		if ok, next = n > 0, at; !ok {
			return nil, nil
		}
		b.Tokens--
		return nil, saveBucket(tx, b)
	})
	return ok, next, err
}

// Pause implements [Buckets].
func (s *sqliteStore) Pause(ctx context.Context, name string, now time.Time, retryAfter time.Duration) (next time.Time, err error) {
	_, err = s.write(ctx, "pause", func(tx *sqlite.Tx) ([]Record, error) {
		b, err := loadBucket(tx, name, 0, now)
		if err != nil {
			return nil, err
		}
		b = b.refused(now, retryAfter)
		next = b.NotBefore
		return nil, saveBucket(tx, b)
	})
	return next, err
}

// Resume implements [Buckets].
func (s *sqliteStore) Resume(ctx context.Context, name string) error {
	_, err := s.write(ctx, "resume", func(tx *sqlite.Tx) ([]Record, error) {
		_, err := tx.Exec(`UPDATE buckets SET failures = 0, not_before = 0 WHERE name = ?`, name)
		return nil, err
	})
	return err
}
