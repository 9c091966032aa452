// Package descriptor knows how many file descriptors this process may have, and waits for
// one when they have run out.
package descriptor

import (
	"errors"
	"syscall"
	"time"

	"github.com/runwith/runwith/internal/backoff"
)

// Few is the limit below which a server warns at its start.
const Few = 256

// Exhausted reports whether err means that this process, or this machine, has no
// descriptor left.
func Exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

const (
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond
)

// Pauses returns the waits between two tries of something that found no descriptor. They stay
// short, because nobody announces that there is one again.
func Pauses() backoff.Backoff { return backoff.Backoff{Min: firstPause, Max: lastPause} }

// Retry calls f until it does not lack a descriptor, but no longer than limit.
func Retry(limit time.Duration, f func() error) error {
	pauses := Pauses()
	for began := time.Now(); ; time.Sleep(pauses.Next()) {
		if err := f(); !Exhausted(err) || time.Since(began) > limit {
			return err
		}
	}
}
