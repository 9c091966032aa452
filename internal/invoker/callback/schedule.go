package callback

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// MaxAttempts is how often a delivery is attempted before it is given up.
const MaxAttempts = 10

// delays are the waits before the second attempt and those after it, 75 h 35 min in all.
// See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
func delays() [MaxAttempts - 1]time.Duration {
	return [...]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

const (
	// maxRetryAfter bounds the wait that a receiver may ask for.
	maxRetryAfter = 24 * time.Hour
	// jitter is the fraction by which a wait may be shorter or longer, so that the deliveries
	// of an outage do not come back at the same moment.
	jitter = 0.1
)

// retryAt returns the time of the next attempt after a failure now. It reports false if that
// was the last attempt.
func retryAt(attempts int, now time.Time, retryAfter time.Duration) (at time.Time, again bool) {
	if attempts >= MaxAttempts {
		return time.Time{}, false
	}
	wait := delays()[max(attempts, 1)-1]
	wait += time.Duration((2*rand.Float64() - 1) * jitter * float64(wait))
	return now.Add(max(wait, retryAfter)), true
}

// retryAfterOf returns the wait that an answer asks for, at most maxRetryAfter.
// See https://www.rfc-editor.org/rfc/rfc9110#field.retry-after.
func retryAfterOf(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, maxRetryAfter))
}
