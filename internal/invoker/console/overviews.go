package console

import (
	"context"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/principal"
)

const (
	// shareFor is how long the live overviews of a caller share one. It is shorter than the time
	// between two looks of one page, so that each look of a page alone is a new one.
	shareFor = refresh / 2
	// shareTimeout is how long the others wait for the one that reads.
	shareTimeout = 10 * time.Second
)

// overviews are the overviews that callers share for a moment: each takes a dozen reads, and people
// leave the page open.
type overviews struct {
	mu  sync.Mutex
	all map[principal.Principal]*sharedOverview
}

// sharedOverview is what one page of a caller has read.
type sharedOverview struct {
	mu   sync.Mutex
	at   time.Time
	page page
	err  error
}

// of returns the overview of a caller, which it reads if there is no new one. The reader may leave
// meanwhile, so it reads for the others in a context of its own.
func (o *overviews) of(c *call, read view) (page, error) {
	one := o.one(c.who)
	one.mu.Lock()
	defer one.mu.Unlock()
	if time.Since(one.at) >= shareFor {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), shareTimeout)
		defer cancel()
		reader := *c
		reader.Request = c.WithContext(ctx)
		one.page, one.err = read(&reader)
		one.at = time.Now()
	}
	return one.page, one.err
}

func (o *overviews) one(who principal.Principal) *sharedOverview {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[principal.Principal]*sharedOverview{}
	}
	if o.all[who] == nil {
		o.all[who] = &sharedOverview{}
	}
	return o.all[who]
}
