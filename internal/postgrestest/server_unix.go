//go:build unix

package postgrestest

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// run starts the server, and returns when it accepts connections.
func (c *Cluster) run() (err error) {
	c.server, err = launch(c.guard, c.folder, "ready to accept connections", c.program, "-D", c.data)
	return err
}

// end sends a signal to the server, and returns when all of its processes have ended.
func (c *Cluster) end(how syscall.Signal) error {
	if c.server == nil {
		return errors.New("it does not run")
	}
	if err := c.server.end(how); err != nil {
		return err
	}
	c.server = nil
	return c.guard.know(0)
}

// remove ends the server if it runs, and removes its files.
func (c *Cluster) remove() error {
	if c.guard == nil {
		return os.RemoveAll(c.folder)
	}
	err := c.guard.end()
	if c.server != nil {
		<-c.server.ended
	}
	return err
}

// Kill kills the server's first process, as a machine without memory does. The others notice and
// end; Kill returns when they have. A new server recovers from the log.
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

// Restart starts the server again after its end, with the same address and data. It returns when
// the server accepts connections.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	if err := c.run(); err != nil {
		t.Fatalf("restart PostgreSQL: %v", err)
	}
}
