package console

import (
	"context"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/runwith/runwith/internal/principal"
)

// callAs returns a request of a caller.
func callAs(ctx context.Context, name string) *call {
	return &call{Request: httptest.NewRequestWithContext(ctx, "GET", "/", nil), who: principal.Principal{Name: name}}
}

// Pages of one caller share an overview, also if the one that reads it leaves. Other callers have
// another one, and so has a later look.
func TestOverviewsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, reads := overviews{}, 0
		read := func(c *call) (page, error) {
			reads++
			time.Sleep(time.Millisecond)
			return page{Title: c.who.Name + strconv.Itoa(reads)}, c.Context().Err()
		}
		look := func(ctx context.Context, name string) string {
			p, err := o.of(callAs(ctx, name), read)
			if err != nil {
				t.Error(err)
			}
			return p.Title
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if got := look(gone, "a"); got != "a1" {
			t.Errorf("the first look is %q, want a1", got)
		}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got := look(t.Context(), "a"); got != "a1" {
					t.Errorf("another page at the same time has %q, want a1", got)
				}
			})
		}
		all.Wait()
		if got := look(t.Context(), "b"); got != "b2" {
			t.Errorf("another caller has %q, want b2", got)
		}
		time.Sleep(refresh - time.Millisecond)
		if got := look(t.Context(), "a"); got != "a3" {
			t.Errorf("the next look is %q, want a3", got)
		}
	})
}
