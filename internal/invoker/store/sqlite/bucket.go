package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/sqlite"
)

func loadBucket(tx *sqlite.Tx, name string) (ledger.Bucket, error) {
	b := ledger.Bucket{Name: name}
	var filled, notBefore int64
	err := tx.QueryRow(`SELECT tokens, filled, not_before, failures FROM buckets WHERE name = ?`, name).
		Scan(&b.Tokens, &filled, &notBefore, &b.Failures)
	if err != nil && !errors.Is(err, sqlite.ErrNoRows) {
		return b, err
	}
	b.Filled, b.NotBefore = fromMicros(filled), fromMicros(notBefore)
	return b, nil
}

func saveBuckets(tx *sqlite.Tx, buckets []ledger.Bucket) error {
	for _, b := range buckets {
		if err := saveBucket(tx, b); err != nil {
			return err
		}
	}
	return nil
}

func saveBucket(tx *sqlite.Tx, b ledger.Bucket) error {
	_, err := tx.Exec(`INSERT INTO buckets (name, tokens, filled, not_before, failures) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, filled = excluded.filled,
			not_before = excluded.not_before, failures = excluded.failures`,
		b.Name, b.Tokens, micros(b.Filled), micros(b.NotBefore), b.Failures)
	return err
}

// Spend implements [store.Store].
func (s *Store) Spend(ctx context.Context, bucket string, q ledger.Quota, now time.Time) (ok bool, next time.Time, err error) {
	_, err = s.write(ctx, "spend a token", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		b, err := loadBucket(tx, bucket)
		if err != nil {
			return nil, err
		}
		if b, ok, next = b.Spend(q, now); !ok {
			return nil, nil
		}
		return nil, saveBucket(tx, b)
	})
	return ok, next, err
}

// Pause implements [store.Store].
func (s *Store) Pause(ctx context.Context, bucket string, now time.Time, retryAfter time.Duration) (next time.Time, err error) {
	_, err = s.write(ctx, "pause", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		b, err := loadBucket(tx, bucket)
		if err != nil {
			return nil, err
		}
		b = b.Refused(now, retryAfter)
		next = b.NotBefore
		return nil, saveBucket(tx, b)
	})
	return next, err
}

// Resume implements [store.Store].
func (s *Store) Resume(ctx context.Context, bucket string) error {
	_, err := s.write(ctx, "resume", func(tx *sqlite.Tx) ([]ledger.Record, error) {
		_, err := tx.Exec(`UPDATE buckets SET failures = 0, not_before = 0 WHERE name = ?`, bucket)
		return nil, err
	})
	return err
}
