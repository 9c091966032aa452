package main

import (
	"errors"
	"testing"
)

func TestTryingAgainSaysItOnce(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"the server is busy": "the server is busy; trying again",
		"localhost:8080 gave no complete answer (EOF): try again": "localhost:8080 gave no complete answer (EOF); trying again",
	} {
		if got := tryingAgain(errors.New(said)); got != want {
			t.Errorf("tryingAgain(%q) = %q, want %q", said, got, want)
		}
	}
}
