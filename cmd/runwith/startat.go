package main

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// startTime is the value of a flag that takes a time, or how long from now.
type startTime struct{ at time.Time }

func (s *startTime) add(cmd *cobra.Command) {
	cmd.Flags().Var(s, "start-at", "start the job at `TIME`, such as 2026-12-01T02:00:00Z, or after +DURATION, such as +90m or +7d")
}

// Set sets the time from RFC 3339, or from a duration with a plus sign.
func (s *startTime) Set(text string) error {
	if after, ok := strings.CutPrefix(text, "+"); ok {
		d, err := daysOrDuration(after)
		if err != nil || d < 0 {
			return errors.New("must be a time such as 2026-12-01T02:00:00Z, or a duration such as +90m or +7d")
		}
		s.at = time.Now().Add(d).UTC().Truncate(time.Second)
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return errors.New("must be a time with its zone, such as 2026-12-01T02:00:00Z, or a duration such as +90m or +7d")
	}
	s.at = at
	return nil
}

// daysOrDuration reads 7d, or a duration as Go writes it.
func daysOrDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

func (s *startTime) String() string {
	if s.at.IsZero() {
		return ""
	}
	return s.at.Format(time.RFC3339)
}

// Type returns the name of the value in help.
func (s *startTime) Type() string { return "time" }
