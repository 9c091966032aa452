//go:build unix

package container

import (
	"log/slog"
	"testing"
)

// logger writes what a Runner logs into the test's own log.
func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testLog struct{ *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.Log(string(b))
	return len(b), nil
}
