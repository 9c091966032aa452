package ledger

import (
	"testing"
	"time"
)

func TestBucketKeepsItsQuota(t *testing.T) {
	t.Parallel()
	for _, q := range []Quota{1, 2, 3, 9, 10, 60, 180, 1000} {
		at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
		b := Bucket{}.filled(q, at)
		var taken []time.Time
		for at.Before(time.Date(2026, 3, 1, 10, 10, 0, 0, time.UTC)) {
			b = b.filled(q, at)
			n, next := b.available(q, at)
			if n > 0 {
				b.Tokens--
				taken = append(taken, at)
				continue
			}
			if !next.After(at) {
				t.Fatalf("quota %d: nothing at %v, and next is %v", q, at, next)
			}
			at = next
		}
		for i := int(q); i < len(taken); i++ {
			if d := taken[i].Sub(taken[i-int(q)]); d < time.Minute-time.Second {
				t.Fatalf("quota %d: %d within %v", q, int(q)+1, d)
			}
		}
		if least := int(q) * 8; len(taken) < least {
			t.Errorf("quota %d: %d in 10 minutes, want %d or more", q, len(taken), least)
		}
	}
}
