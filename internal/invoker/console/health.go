package console

import (
	"context"
	"sync"
	"time"

	"github.com/runwith/runwith/internal/apierror"
)

// health says whether the server can do its work.
type health struct {
	// Fault is why it cannot; empty: it can.
	Fault string
	// Notes are what people should know although it can.
	Notes []string
}

// OK reports whether there is nothing to say.
func (h health) OK() bool { return h.Fault == "" && len(h.Notes) == 0 }

// checkup remembers the health for a moment, because every open overview asks each second.
type checkup struct {
	mu   sync.Mutex
	at   time.Time
	last health
}

const (
	checkEvery   = 2 * time.Second
	checkTimeout = 2 * time.Second
)

// health returns how the server is.
func (s *server) health(ctx context.Context) health {
	s.checkup.mu.Lock()
	defer s.checkup.mu.Unlock()
	if time.Since(s.checkup.at) >= checkEvery {
		s.checkup.last = s.check(context.WithoutCancel(ctx))
		s.checkup.at = time.Now()
	}
	return s.checkup.last
}

// check asks the checks, of which the first that fails decides, as in /readyz.
func (s *server) check(ctx context.Context) (h health) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	for _, check := range s.Checks {
		if err := check(ctx); err != nil {
			h.Fault = apierror.Public(err).Message
			break
		}
	}
	for _, note := range s.Notes {
		if text := note(); text != "" {
			h.Notes = append(h.Notes, text)
		}
	}
	return h
}
