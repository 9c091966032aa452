package ledger

import (
	"testing"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/cause"
)

func TestSpendRates(t *testing.T) {
	t.Parallel()
	limits := []RateLimit{{"caller", 60}, {"caller of the job", 10}, {"unlimited", 0}}
	spent, err := SpendRates(limits, nil, at(0))
	if err != nil {
		t.Fatal(err)
	}
	if len(spent) != 2 {
		t.Fatalf("SpendRates = %+v, want both limits", spent)
	}
	if spent[0].Name != "caller" {
		t.Fatalf("first limit = %q, want caller", spent[0].Name)
	}
	for n, left := range []float64{5, 0} {
		if got := spent[n].Tokens; got != left {
			t.Fatalf("tokens of %s = %v, want %v", spent[n].Name, got, left)
		}
	}
	buckets := map[string]Bucket{"caller": spent[0], "caller of the job": spent[1]}
	spent, err = SpendRates(limits, buckets, at(0))
	if runwith.CodeOf(err) != runwith.ResourceExhausted || spent != nil {
		t.Fatalf("SpendRates without a token = %+v, %v, want RESOURCE_EXHAUSTED, and nothing spent", spent, err)
	}
	if after := cause.RetryAfterOf(err); after < 5*time.Second || after > 7*time.Second {
		t.Errorf("retry after %v, want when the second limit has a token", after)
	}
	if _, err := SpendRates(limits, buckets, at(0).Add(cause.RetryAfterOf(err))); err != nil {
		t.Errorf("SpendRates when it says = %v, want a token", err)
	}
}
