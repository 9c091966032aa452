package ledger

import (
	"fmt"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

// SpendRates takes one token of each limit. buckets are the stored buckets by name. If there
// is no token, the error is RESOURCE_EXHAUSTED with a [cause.RetryAfter], and nothing is spent.
func SpendRates(limits []RateLimit, buckets map[string]Bucket, now time.Time) (spent []Bucket, err error) {
	for _, l := range limits {
		if l.Quota == 0 {
			continue
		}
		b := buckets[l.Name]
		b.Name = l.Name
		b, ok, next := b.Spend(l.Quota, now)
		if !ok {
			return nil, &runwith.Error{Code: runwith.ResourceExhausted, Err: cause.RetryAfter(max(time.Second, next.Sub(now))),
				Message: fmt.Sprintf("at most %d requests a minute are accepted: send the request again later", l.Quota)}
		}
		spent = append(spent, b)
	}
	return spent, nil
}
