package console

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/runwith/runwith/internal/principal"
)

// maxSeats is how many live pages may be open. Pages that nobody looks at are not live.
const maxSeats = 256

// errSeatTaken ends a live page whose seat went to another caller.
var errSeatTaken = errors.New("another caller needs the place of a live page")

// seats are the places for live pages. While there are some, everybody gets one. After that, a
// caller with fewer pages than another one takes over a place of the caller with most of them, so
// that nobody shuts out others.
type seats struct {
	mu    sync.Mutex
	taken int
	of    map[principal.Principal][]*seat // oldest first
}

// seat is the place of one live page.
type seat struct{ leave context.CancelCauseFunc }

func newSeats() *seats { return &seats{of: map[principal.Principal][]*seat{}} }

// take returns a function that frees the seat, or nil if there is none for the caller. leave ends
// the page later if its seat goes to somebody else.
func (s *seats) take(who principal.Principal, leave context.CancelCauseFunc) (free func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= maxSeats && !s.makeRoom(who) {
		return nil
	}
	mine := &seat{leave}
	s.of[who] = append(s.of[who], mine)
	s.taken++
	return func() { s.free(who, mine) }
}

// makeRoom ends the newest page of the caller with most pages, if that is fair.
func (s *seats) makeRoom(who principal.Principal) bool {
	var rich principal.Principal
	for one, pages := range s.of {
		if len(pages) > len(s.of[rich]) {
			rich = one
		}
	}
	theirs := s.of[rich]
	if len(theirs) <= len(s.of[who])+1 {
		return false
	}
	last := theirs[len(theirs)-1]
	s.remove(rich, last)
	last.leave(errSeatTaken)
	return true
}

func (s *seats) free(who principal.Principal, one *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(who, one)
}

// remove frees a seat, unless it is free already.
func (s *seats) remove(who principal.Principal, one *seat) {
	at := slices.Index(s.of[who], one)
	if at < 0 {
		return
	}
	s.taken--
	if s.of[who] = slices.Delete(s.of[who], at, at+1); len(s.of[who]) == 0 {
		delete(s.of, who)
	}
}
