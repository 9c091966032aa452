package postgres

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/invoker/ledger"
)

const bucketColumns = `name, tokens, filled, not_before, failures`

// lockBuckets reads buckets, and locks their rows in the order of their names. It adds those that
// are missing, because only a row can be locked.
func lockBuckets(t tx, names []string) (map[string]ledger.Bucket, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return nil, nil
	}
	locked, err := all(t, scanBucket, `INSERT INTO buckets (`+bucketColumns+`)
		SELECT name, 0, 'epoch', 'epoch', 0 FROM unnest($1::text[]) WITH ORDINALITY AS needed (name, place) ORDER BY place
		ON CONFLICT (name) DO UPDATE SET tokens = buckets.tokens RETURNING `+bucketColumns, names)
	return byName(locked), err
}

// buckets reads buckets without a lock.
func (b *batch) buckets(into *[]ledger.Bucket, names []string) {
	rowsOf(b, into, scanBucket, `SELECT `+bucketColumns+` FROM buckets WHERE name = ANY($1)`, names)
}

func byName(buckets []ledger.Bucket) map[string]ledger.Bucket {
	named := make(map[string]ledger.Bucket, len(buckets))
	for _, b := range buckets {
		named[b.Name] = b
	}
	return named
}

func scanBucket(row pgx.Row) (b ledger.Bucket, err error) {
	err = row.Scan(&b.Name, &b.Tokens, (*moment)(&b.Filled), (*moment)(&b.NotBefore), &b.Failures)
	return b, err
}

// saveBuckets saves buckets that are locked.
func saveBuckets(t tx, buckets iter.Seq[ledger.Bucket]) error {
	var (
		names             []string
		tokens            []float64
		filled, notBefore []time.Time
		failures          []int
	)
	for b := range buckets {
		names, tokens, failures = append(names, b.Name), append(tokens, b.Tokens), append(failures, b.Failures)
		filled, notBefore = append(filled, stamp(b.Filled)), append(notBefore, stamp(b.NotBefore))
	}
	if len(names) == 0 {
		return nil
	}
	_, err := t.exec(`UPDATE buckets SET tokens = saved.tokens, filled = saved.filled, not_before = saved.not_before, failures = saved.failures
		FROM unnest($1::text[], $2::double precision[], $3::timestamptz[], $4::timestamptz[], $5::integer[]) AS saved (`+bucketColumns+`)
		WHERE buckets.name = saved.name`, names, tokens, filled, notBefore, failures)
	return err
}

// changeBucket locks a bucket, and saves what change returns unless it is false.
func (s *Store) changeBucket(ctx context.Context, what, name string, change func(ledger.Bucket) (ledger.Bucket, bool)) error {
	_, err := s.write(ctx, what, func(t tx) ([]ledger.Record, error) {
		locked, err := lockBuckets(t, []string{name})
		if err != nil {
			return nil, err
		}
		changed, save := change(locked[name])
		if !save {
			return nil, nil
		}
		return nil, saveBuckets(t, slices.Values([]ledger.Bucket{changed}))
	})
	return err
}

// Spend implements [store.Store].
func (s *Store) Spend(ctx context.Context, bucket string, q ledger.Quota, now time.Time) (ok bool, next time.Time, err error) {
	err = s.changeBucket(ctx, "spend a token", bucket, func(b ledger.Bucket) (ledger.Bucket, bool) {
		b, ok, next = b.Spend(q, now)
		return b, ok
	})
	return ok && err == nil, next, err
}

// Pause implements [store.Store].
func (s *Store) Pause(ctx context.Context, bucket string, now time.Time, retryAfter time.Duration) (next time.Time, err error) {
	err = s.changeBucket(ctx, "pause", bucket, func(b ledger.Bucket) (ledger.Bucket, bool) {
		b = b.Refused(now, retryAfter)
		next = b.NotBefore
		return b, true
	})
	return next, err
}

// Resume implements [store.Store].
func (s *Store) Resume(ctx context.Context, bucket string) error {
	return s.ask(ctx, "resume", func(t tx) error {
		_, err := t.exec(`UPDATE buckets SET failures = 0, not_before = 'epoch' WHERE name = $1 AND (failures > 0 OR not_before > 'epoch')`, bucket)
		return err
	})
}
