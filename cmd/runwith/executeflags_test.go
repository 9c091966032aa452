package main

import (
	"testing"
	"time"
)

func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"90": 90 * time.Second, "1h": time.Hour} {
		var s seconds
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("Set(%q) = %v, %v, want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"36028797018964028", "-36028797018964028", "99999999999999999999", "soon"} {
		if err := new(seconds).Set(text); err == nil {
			t.Errorf("Set(%q): no error", text)
		}
	}
}
