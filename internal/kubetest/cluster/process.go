//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// processes are the children of the first process. It collects all that end, those of others
// too, so package exec cannot be used beside it.
type processes struct {
	folder  string // of the logs
	mu      sync.Mutex
	running map[int]*process // by process ID
}

// process is a running program.
type process struct {
	pid   int
	ended chan struct{}      // closed at the end
	how   syscall.WaitStatus // once ended is closed
}

func newProcesses(folder string) *processes {
	p := &processes{folder: folder, running: map[int]*process{}}
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	go func() {
		for range children {
			p.collect()
		}
	}()
	return p
}

// collect collects the children that have ended.
func (p *processes) collect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var how syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &how, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
		if child := p.running[pid]; child != nil {
			delete(p.running, pid)
			child.how = how
			close(child.ended)
		}
	}
}

// start starts a program. Its output goes to a file that is named for it.
func (p *processes) start(name string, command ...string) (*process, error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.mu.Lock() // so that collect does not see the child before the table has it
	defer p.mu.Unlock()
	started, err := os.StartProcess(path, command, &os.ProcAttr{
		Dir: "/", Files: []*os.File{nil, log, log}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, err
	}
	child := &process{pid: started.Pid, ended: make(chan struct{})}
	p.running[child.pid] = child
	return child, started.Release()
}

// run runs a program to its end.
func (p *processes) run(command ...string) error {
	name := filepath.Base(command[0])
	child, err := p.start(name, command...)
	if err != nil {
		return err
	}
	<-child.ended
	if child.how != 0 {
		return fmt.Errorf("%s: status %d\n%s", strings.Join(command, " "), child.how.ExitStatus(), p.lastLines(name))
	}
	return nil
}

func (p *processes) log(name string) string { return filepath.Join(p.folder, name+".log") }

// lastLines returns the end of a program's log.
func (p *processes) lastLines(name string) string {
	text, err := os.ReadFile(p.log(name))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
