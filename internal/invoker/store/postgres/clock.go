package postgres

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/runwith/runwith/internal/backoff"
)

const (
	// firstSamples is how many times the clock is read when the store is opened, of which the
	// fastest counts; sampleEvery is how often it is read afterwards.
	firstSamples, sampleEvery = 5, 10 * time.Second
	// sampleLife is how long a fast sample counts although slower ones follow. This machine's
	// monotonic clock drifts by less than a millisecond in that time.
	sampleLife = 2 * time.Minute
	// sampleTimeout bounds one reading.
	sampleTimeout = 5 * time.Second
)

// clock is the database's clock, as this process knows it: a sample that the monotonic clock
// carries on. It is wrong by half of the sample's round trip at most. This machine's wall clock
// does not matter.
type clock struct{ last atomic.Pointer[sample] }

// sample is one reading of the database's clock.
type sample struct {
	database time.Time     // what it showed
	here     time.Time     // in the middle of the round trip, with the monotonic clock
	trip     time.Duration // how long the round trip took
}

// Now implements [store.Shared].
func (s *Store) Now() time.Time {
	last := s.clock.last.Load()
	return last.database.Add(time.Since(last.here))
}

// better reports whether a reading counts instead of the last one: it is faster, the last one is old,
// or both cannot be true. The monotonic clock stands still while the machine sleeps, and another
// database server may have another clock.
func (taken sample) better(last *sample) bool {
	if last == nil || taken.trip <= last.trip || time.Since(last.here) > sampleLife {
		return true
	}
	expected := last.database.Add(taken.here.Sub(last.here))
	return taken.database.Sub(expected).Abs() > (taken.trip+last.trip)/2
}

// sampleClock reads the clock n times, and takes over the readings that are better than the last.
func (s *Store) sampleClock(ctx context.Context, n int) error {
	for range n {
		taken, err := s.readClock(ctx)
		if err != nil {
			return err
		}
		if taken.better(s.clock.last.Load()) {
			s.clock.last.Store(&taken)
		}
	}
	return nil
}

func (s *Store) readClock(ctx context.Context) (taken sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return taken, err
	}
	defer conn.Release()
	sent := time.Now()
	err = conn.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&taken.database)
	taken.trip = time.Since(sent)
	taken.database, taken.here = taken.database.UTC(), sent.Add(taken.trip/2)
	return taken, err
}

// tellTime keeps the clock right until ctx is done. While the database is away, the last sample
// counts on.
func (s *Store) tellTime(ctx context.Context) {
	for backoff.Sleep(ctx, sampleEvery) == nil {
		if err := s.sampleClock(ctx, 1); err != nil && ctx.Err() == nil {
			s.logger.Warn("the database's clock cannot be read", "error", shown(err))
		}
	}
}
