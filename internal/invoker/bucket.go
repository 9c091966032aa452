package invoker

import (
	"math"
	"time"
)

// Bucket is a token bucket: what may still be asked of Cloud Run. Its methods
// return it as it is then, and change nothing.
type Bucket struct {
	Name      string
	Tokens    float64
	Filled    time.Time // when Tokens was right
	NotBefore time.Time // nothing is taken before: Cloud Run has refused
	Failures  int       // in a row
}

// Quota is how often something may be done in a minute; 0 is not bounded.
type Quota int

// burst is how many tokens a full bucket has. What is taken within any minute, a
// full bucket and what comes in, is the quota and no more.
func (q Quota) burst() float64 { return math.Max(1, math.Floor(float64(q)/10)) }

// interval is the time in which a token comes in.
func (q Quota) interval() time.Duration {
	return time.Duration(float64(time.Minute) / (float64(q) - q.burst() + 1))
}

// filled is the bucket with what has come in until now. A clock that was set back
// adds nothing.
func (b Bucket) filled(q Quota, now time.Time) Bucket {
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

// available returns how many tokens may be taken from a bucket that was filled
// now, and when there is the next if there is none.
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

// refused waits for what Cloud Run asked for, or longer and longer. Refusals of
// calls that were under way together count once.
func (b Bucket) refused(now time.Time, retryAfter time.Duration) Bucket {
	if !b.NotBefore.After(now) {
		b.Failures++
		b.NotBefore = now.Add(backoff(b.Failures - 1))
	}
	b.NotBefore = later(b.NotBefore, now.Add(retryAfter))
	return b
}
