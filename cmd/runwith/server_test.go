package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/runwith/runwith"
)

// patience bounds what a test waits for; what takes longer hangs.
const patience = time.Minute

// server is a runwith process that serves: up, engine or serve.
type server struct {
	url     string // http://HOST:PORT
	data    string // folder of the state
	process *os.Process
	ended   <-chan error // how the process ended, once

	mu     sync.Mutex
	stderr strings.Builder
}

// startServer runs a command and waits until it is ready. The caller ends it with stop
// or kill.
func startServer(cmd *exec.Cmd, data string) (*server, error) {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended, ready := make(chan error, 1), make(chan string, 1)
	s := &server{data: data, process: cmd.Process, ended: ended}
	go func() {
		s.listen(stderr, ready)
		ended <- cmd.Wait()
	}()
	select {
	case s.url = <-ready:
		return s, nil
	case err := <-ended:
		return nil, fmt.Errorf("%s ended: %w\n%s", cmd, err, s.said())
	case <-time.After(patience):
		return nil, errors.Join(fmt.Errorf("%s is not ready\n%s", cmd, s.said()), s.kill())
	}
}

// listen keeps the server's output, and finds the address in it.
func (s *server) listen(stderr io.Reader, ready chan<- string) {
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		s.mu.Lock()
		fmt.Fprintln(&s.stderr, lines.Text())
		s.mu.Unlock()
		if url, ok := strings.CutPrefix(lines.Text(), "runwith is ready at "); ok {
			ready <- url
		}
	}
}

// said is what the server has said on standard error.
func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stderr.String()
}

// stop asks the server to end, and reports if it did so with another exit code
// than 0 or left a process of a task.
func (s *server) stop() error {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.ended:
		if err != nil {
			return fmt.Errorf("server ended with %w\n%s", err, s.said())
		}
	case <-time.After(patience):
		return errors.Join(errors.New("server does not end\n"+s.said()), s.kill())
	}
	if left := taskProcesses(s.data); len(left) > 0 {
		return fmt.Errorf("server left %q", left)
	}
	return nil
}

// kill ends the server as a crash does.
func (s *server) kill() error {
	if err := s.process.Kill(); err != nil {
		return err
	}
	<-s.ended
	return nil
}

// startUp starts `runwith up` with state in data. It is stopped with the test, unless
// the test has ended it. What a crash leaves unknown is known soon.
func startUp(t *testing.T, data string, args ...string) *server {
	t.Helper()
	needProcesses(t)
	s, err := startServer(exec.Command("runwith", append([]string{
		"up", "--addr", "127.0.0.1:0", "--data", data, "--call-timeout", "5s", "--settle", "1s",
	}, args...)...), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	})
	return s
}

func (s *server) client() *runwith.Client { return &runwith.Client{Server: s.url} }

// addr is the server's HOST:PORT.
func (s *server) addr() string { return strings.TrimPrefix(s.url, "http://") }

// needProcesses skips a test where tasks cannot run.
func needProcesses(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("NOT TESTED: tasks run on Linux and macOS alone")
	}
}

// taskProcesses returns the attempts of a data folder with a live process. It reads the
// marker in their environment, and returns nothing if this system cannot.
func taskProcesses(data string) (markers []string) {
	id, err := os.ReadFile(filepath.Join(data, "run", "id"))
	if err != nil {
		return nil // no engine has been here
	}
	prefix := "RUNWITH_ATTEMPT=" + strings.TrimSpace(string(id)) + "/"
	environments, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range environments {
		environment, _ := os.ReadFile(name) // empty when the process has ended
		for variable := range strings.SplitSeq(string(environment), "\x00") {
			if strings.HasPrefix(variable, prefix) {
				markers = append(markers, variable)
			}
		}
	}
	return markers
}
