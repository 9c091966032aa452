package ledger

import (
	"math"
	"time"

	"github.com/runwith/runwith/internal/backoff"
)

// Backoff is the wait after n failures in a row: it doubles from one second to a minute.
func Backoff(n int) time.Duration {
	b := backoff.Backoff{Min: time.Second, Max: time.Minute}
	return b.After(n)
}

// Bucket is a token bucket: how much may still be asked of Cloud Run. Its methods
// return the bucket as it is afterwards, and change nothing.
type Bucket struct {
	Name      string
	Tokens    float64
	Filled    time.Time // when Tokens was right
	NotBefore time.Time // nothing is taken before, because Cloud Run has refused
	Failures  int       // in a row
}

// Quota is how often something may be done in a minute; 0 is unlimited.
type Quota int

// burst is how many tokens a full bucket has. A full bucket and what comes in within a
// minute are the quota together.
func (q Quota) burst() float64 { return math.Max(1, math.Floor(float64(q)/10)) }

// interval is the time in which one token comes in.
func (q Quota) interval() time.Duration {
	return time.Duration(float64(time.Minute) / (float64(q) - q.burst() + 1))
}

// filled adds what has come in until now. A clock that was set back adds nothing.
func (b Bucket) filled(q Quota, now time.Time) Bucket {
	if q == 0 {
		return b
	}
	if b.Filled.IsZero() {
		b.Tokens, b.Filled = q.burst(), now
	}
	if past := now.Sub(b.Filled); past > 0 {
		b.Tokens, b.Filled = math.Min(q.burst(), b.Tokens+float64(past)/float64(q.interval())), now
	} else if past < -time.Minute {
		b.Filled = now
	}
	return b
}

// available returns how many tokens may be taken from a filled bucket, and when the
// next one comes in if there is none.
func (b Bucket) available(q Quota, now time.Time) (n int, next time.Time) {
	n = math.MaxInt32
	if q > 0 {
		n = int(b.Tokens + 1e-9)
		next = now.Add(time.Duration((1 - b.Tokens) * float64(q.interval()))).Add(time.Microsecond)
	}
	if b.NotBefore.After(now) {
		return 0, b.NotBefore
	}
	if b.Failures > 0 {
		n = min(n, 1) // one goes first
	}
	return n, next
}

// opened returns when a stored bucket that was empty had a token again; zero: it was not empty.
func (b Bucket) opened(q Quota) time.Time {
	if q == 0 || b.Filled.IsZero() || b.Tokens+1e-9 >= 1 {
		return time.Time{}
	}
	return b.Filled.Add(time.Duration((1 - b.Tokens) * float64(q.interval())))
}

// spent takes n tokens out.
func (b Bucket) spent(n int) Bucket {
	b.Tokens -= float64(n)
	return b
}

// Spend takes one token, or returns when there will be one.
func (b Bucket) Spend(q Quota, now time.Time) (_ Bucket, ok bool, next time.Time) {
	b = b.filled(q, now)
	n, next := b.available(q, now)
	if n == 0 {
		return b, false, next
	}
	return b.spent(1), true, next
}

// Refused pauses the bucket after a refusal, for as long as Cloud Run asks and longer
// and longer. Refusals of calls that were out together count once.
func (b Bucket) Refused(now time.Time, retryAfter time.Duration) Bucket {
	if !b.NotBefore.After(now) {
		b.NotBefore = now.Add(Backoff(b.Failures))
		b.Failures++
	}
	b.NotBefore = Later(b.NotBefore, now.Add(retryAfter))
	return b
}
