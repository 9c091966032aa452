package api

import (
	"sync"

	"github.com/runwith/runwith"
)

// readers are the requests that read logs. Each holds memory and a connection for as long as its
// caller likes, so their number is limited. A caller with a name gets half of the places at most,
// so that others can read, too.
type readers struct {
	most int

	mu  sync.Mutex
	all int
	by  map[string]int // by caller
}

// enter counts a request until leave is called, or refuses it.
func (r *readers) enter(caller string) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := max(1, r.most/2)
	switch {
	case r.all >= r.most:
		return nil, runwith.Errorf(runwith.Unavailable, "%d requests read logs already, which is the limit: try again when one has ended", r.most)
	case caller != "" && r.by[caller] >= own:
		return nil, runwith.Errorf(runwith.Unavailable, "%d requests of %s read logs already, which is the limit for one caller: try again when one has ended", own, caller)
	}
	if r.by == nil {
		r.by = map[string]int{}
	}
	r.all++
	r.by[caller]++
	return func() { r.leave(caller) }, nil
}

func (r *readers) leave(caller string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if r.by[caller]--; r.by[caller] == 0 {
		delete(r.by, caller)
	}
}
