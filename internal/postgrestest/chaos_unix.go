//go:build unix

package postgrestest

import (
	"syscall"
	"testing"
)

// Kill kills the server's first process, as the lack of memory does. The others notice and end;
// Kill returns when they have. A new server recovers from the log.
func (c *Cluster) Kill(t testing.TB) {
	t.Helper()
	if err := c.end(syscall.SIGKILL); err != nil {
		t.Fatalf("kill PostgreSQL: %v", err)
	}
}

// Stop ends the server in order. It ends open transactions and connections.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if err := c.end(syscall.SIGINT); err != nil {
		t.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Restart starts the server again after [Cluster.Kill] or [Cluster.Stop], with the same address and
// data. It returns when the server accepts connections.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	if err := c.run(); err != nil {
		t.Fatalf("restart PostgreSQL: %v", err)
	}
}
