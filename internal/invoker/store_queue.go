package invoker

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/runwith/runwith/internal/sqlite"
)

// Take implements [Queue]. Slots and tokens are looked at and taken in the
// transaction that brings the rows to starting.
func (s *sqliteStore) Take(ctx context.Context, q Take) (taken Taken, err error) {
	taken.Records, err = s.write(ctx, "take from the queue", func(tx *sqlite.Tx) ([]Record, error) {
		t := taking{Tx: tx, Take: q}
		if err := t.look(); err != nil {
			return nil, err
		}
		moved, err := t.take()
		taken.Next, taken.Probing = t.next, t.runs.Failures > 0
		return moved, err
	})
	return taken, err
}

// taking is one Take under way.
type taking struct {
	*sqlite.Tx
	Take

	runs    Bucket
	limit   int
	rates   map[string]*allowance // by job
	slots   map[string]*allowance // by concurrency key
	blocked struct{ jobs, slots []string }
	next    time.Time
}

// allowance is how many may still be taken.
type allowance struct {
	bucket Bucket
	left   int
}

// look finds out how much may be taken.
func (t *taking) look() (err error) {
	if t.runs, err = loadBucket(t.Tx, t.Runs, t.Quota, t.Now); err != nil {
		return err
	}
	free, next := t.runs.available(t.Quota, t.Now)
	if t.limit = min(t.Limit, free); t.limit == 0 {
		t.soon(next)
		return nil
	}
	t.rates = map[string]*allowance{}
	for job, rate := range t.Rates {
		b, err := loadBucket(t.Tx, rateBucket(job), rate, t.Now)
		if err != nil {
			return err
		}
		left, next := b.available(rate, t.Now)
		if t.rates[job] = (&allowance{b, left}); left == 0 {
			t.blocked.jobs = append(t.blocked.jobs, job)
			t.soon(next)
		}
	}
	return t.lookAtSlots()
}

// lookAtSlots counts the slots that are free of the keys for which somebody waits.
func (t *taking) lookAtSlots() error {
	t.slots = map[string]*allowance{}
	for slot, slots := range t.Slots {
		var held int
		if err := t.QueryRow(`SELECT count(*) FROM invocations WHERE slot = ? AND slot <> '' AND finished = 0 AND `+isHolding, slot).Scan(&held); err != nil {
			return err
		}
		if t.slots[slot] = (&allowance{left: slots - held}); held >= slots {
			t.blocked.slots = append(t.blocked.slots, slot)
		}
	}
	return nil
}

// soon says that there may be more at a time.
func (t *taking) soon(at time.Time) {
	if t.next.IsZero() || at.Before(t.next) {
		t.next = at
	}
}

func (t *taking) take() ([]Record, error) {
	if t.limit == 0 {
		return nil, nil
	}
	due, err := records(t.Tx, selectRecord+` INDEXED BY invocations_waiting WHERE `+isWaiting+` AND checked = 1 AND search_from = 0 AND not_before <= ?
		AND job NOT IN (SELECT value FROM json_each(?)) AND slot NOT IN (SELECT value FROM json_each(?))
		ORDER BY id LIMIT ?`, micros(t.Now), list(t.blocked.jobs), list(t.blocked.slots), t.limit)
	if err != nil {
		return nil, err
	}
	var chosen []Record
	for _, r := range due {
		if spend(t.rates[r.Job]) && spend(t.slots[r.Slot]) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return nil, t.lookAhead()
	}
	moved, err := moveAll(t.Tx, chosen, func(r Record) Record { return r.starting(t.Deadline) })
	if err != nil {
		return nil, err
	}
	return moved, t.pay(moved)
}

// spend reports whether one more may be taken; nil bounds nothing.
func spend(a *allowance) bool {
	if a == nil {
		return true
	}
	a.left--
	return a.left >= 0
}

// pay takes the tokens.
func (t *taking) pay(moved []Record) error {
	var errs []error
	if t.Quota > 0 {
		t.runs.Tokens -= float64(len(moved))
		errs = append(errs, saveBucket(t.Tx, t.runs))
	}
	spent := map[string]float64{}
	for _, r := range moved {
		spent[r.Job]++
	}
	for job, n := range spent {
		if a := t.rates[job]; a != nil {
			a.bucket.Tokens -= n
			errs = append(errs, saveBucket(t.Tx, a.bucket))
		}
	}
	return errors.Join(errs...)
}

// lookAhead finds when the next invocation is due that waits for a time.
func (t *taking) lookAhead() error {
	var at *int64
	err := t.QueryRow(`SELECT min(not_before) FROM invocations INDEXED BY invocations_waiting
		WHERE `+isWaiting+` AND checked = 1 AND search_from = 0 AND not_before > ?`, micros(t.Now)).Scan(&at)
	if at != nil {
		t.soon(fromMicros(*at))
	}
	return err
}

// Unchecked implements [Queue].
func (s *sqliteStore) Unchecked(ctx context.Context, now, lease time.Time, limit int) (_ []Record, next time.Time, err error) {
	leased, err := s.write(ctx, "take what was not checked", func(tx *sqlite.Tx) ([]Record, error) {
		const unchecked = ` INDEXED BY invocations_waiting WHERE ` + isWaiting + ` AND checked = 0 AND search_from = 0`
		due, err := records(tx, selectRecord+unchecked+` AND not_before <= ? AND lease_until <= ? ORDER BY id LIMIT ?`, micros(now), micros(now), limit)
		if err != nil {
			return nil, err
		}
		var at *int64
		if err := tx.QueryRow(`SELECT min(max(not_before, lease_until)) FROM invocations`+unchecked+` AND max(not_before, lease_until) > ?`,
			micros(now)).Scan(&at); err != nil {
			return nil, err
		}
		if at != nil {
			next = fromMicros(*at)
		}
		return moveAll(tx, due, func(r Record) Record { r.Lease = lease; return r })
	})
	return leased, next, err
}

// Recover implements [Queue].
func (s *sqliteStore) Recover(ctx context.Context, from time.Time, settle time.Duration) (asOf time.Time, err error) {
	_, err = s.write(ctx, "recover invocations", func(tx *sqlite.Tx) ([]Record, error) {
		if asOf, err = latest(tx); err != nil {
			return nil, err
		}
		_, err := tx.Exec(`UPDATE invocations INDEXED BY invocations_waiting
			SET lease_until = 0, search_from = max(search_from, ?), watched = 1, version = version + 1 WHERE `+isWaiting, micros(from))
		if err != nil {
			return nil, err
		}
		calling, err := records(tx, selectRecord+` WHERE state = 'starting' AND search_from = 0`)
		if err != nil {
			return nil, err
		}
		_, err = moveAll(tx, calling, func(r Record) Record {
			r = r.unknown(settle)
			r.SearchFrom = later(r.SearchFrom, from)
			return r
		})
		return nil, err
	})
	return asOf, err
}

// latest is the last thing that has happened by what the rows tell.
func latest(tx *sqlite.Tx) (time.Time, error) {
	var at int64
	err := tx.QueryRow(`SELECT max(
		coalesce((SELECT created FROM invocations ORDER BY rowid DESC LIMIT 1), 0),
		coalesce((SELECT max(finished) FROM invocations WHERE finished > 0), 0),
		coalesce((SELECT max(started) FROM invocations WHERE state = 'running'), 0))`).Scan(&at)
	return fromMicros(at), err
}

// list is how names are handed to json_each.
func list(names []string) string {
	if len(names) == 0 {
		return "[]"
	}
	text, _ := json.Marshal(names) // strings always encode
	return string(text)
}
