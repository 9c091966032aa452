//go:build unix

package postgrestest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// server is a running PostgreSQL.
type server struct {
	process *exec.Cmd
	ready   chan struct{} // closed when it accepts connections
	ended   chan struct{} // closed when all of its processes have ended
}

// run starts the server, and returns when it accepts connections.
func (c *Cluster) run() error {
	log, err := os.OpenFile(filepath.Join(c.folder, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	s := &server{process: exec.Command(c.program, "-D", c.data), ready: make(chan struct{}), ended: make(chan struct{})}
	if err := unprivileged(s.process); err != nil {
		return err
	}
	s.process.Stderr = &notice{file: log, seen: sync.OnceFunc(func() { close(s.ready) })}
	if err := s.process.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	go func() {
		// Each of its processes has the log open, so this also waits for those.
		_ = s.process.Wait()
		_ = log.Close()
		close(s.ended)
	}()
	if err := c.guard.know(s.process.Process.Pid); err != nil {
		return err
	}
	c.server = s
	select {
	case <-s.ready:
		return nil
	case <-s.ended:
		return fmt.Errorf("PostgreSQL ended at once:\n%s", c.log())
	case <-time.After(limit):
		return fmt.Errorf("PostgreSQL was not ready within %v:\n%s", limit, c.log())
	}
}

// notice writes a log, and calls seen when the server accepts connections.
type notice struct {
	file *os.File
	seen func()
}

func (n *notice) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("ready to accept connections")) {
		n.seen()
	}
	return n.file.Write(text)
}

// end sends a signal to the server, and returns when all of its processes have ended.
func (c *Cluster) end(how syscall.Signal) error {
	if c.server == nil {
		return errors.New("PostgreSQL does not run")
	}
	if err := c.server.process.Process.Signal(how); err != nil {
		return err
	}
	<-c.server.ended
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
