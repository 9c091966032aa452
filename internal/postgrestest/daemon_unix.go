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

// daemon is a running program with a log, and with a guard that ends it.
type daemon struct {
	process *exec.Cmd
	ended   chan struct{} // closed when all of its processes have ended
}

// launch starts a program whose log goes to a file in a folder. It returns when the log has the
// text ready.
func launch(g *guard, folder, ready, program string, args ...string) (*daemon, error) {
	log, err := os.OpenFile(filepath.Join(folder, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	d := &daemon{process: exec.Command(program, args...), ended: make(chan struct{})}
	if err := unprivileged(d.process); err != nil {
		return nil, err
	}
	seen := make(chan struct{})
	d.process.Stderr = &notice{file: log, text: []byte(ready), call: sync.OnceFunc(func() { close(seen) })}
	if err := d.process.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		// Each of its processes has the log open, so this waits for all of them.
		_ = d.process.Wait()
		_ = log.Close()
		close(d.ended)
	}()
	if err := g.know(d.process.Process.Pid); err != nil {
		return d, err
	}
	select {
	case <-seen:
		return d, nil
	case <-d.ended:
		return d, fmt.Errorf("%s ended at once:\n%s", filepath.Base(program), lastLines(folder))
	case <-time.After(limit):
		return d, fmt.Errorf("%s was not ready within %v:\n%s", filepath.Base(program), limit, lastLines(folder))
	}
}

// end sends a signal, and returns when all processes have ended.
func (d *daemon) end(how syscall.Signal) error {
	if err := d.process.Process.Signal(how); err != nil {
		return err
	}
	<-d.ended
	return nil
}

// notice writes a log, and makes a call when the log has a text.
type notice struct {
	file *os.File
	text []byte
	call func()
}

func (n *notice) Write(line []byte) (int, error) {
	if bytes.Contains(line, n.text) {
		n.call()
	}
	return n.file.Write(line)
}

// lastLines returns the end of the log in a folder.
func lastLines(folder string) string {
	text, err := os.ReadFile(filepath.Join(folder, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
