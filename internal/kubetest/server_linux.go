package kubetest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// command is the import path of the program that runs a cluster.
const command = "github.com/runwith/runwith/internal/kubetest/cluster"

// server is a cluster that runs. The operating system closes its input if the test is killed, and
// then it ends.
type server struct {
	kubeconfig string

	process *exec.Cmd
	input   io.WriteCloser
	mu      sync.Mutex // one order at a time
	answers *bufio.Reader
}

// able returns the reason why this machine cannot run a cluster.
func able() error {
	if os.Getuid() != 0 {
		return errors.New("only root can run Kubernetes")
	}
	var err error
	for _, program := range []string{"containerd", "runc", "ip", "busybox"} {
		_, e := exec.LookPath(program)
		err = errors.Join(err, e)
	}
	return err
}

// serve starts a cluster, and returns when it is ready.
func serve(args []string) (s *server, err error) {
	folder, err := os.MkdirTemp("", "runwith-kubetest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	program := filepath.Join(folder, "cluster")
	if out, err := exec.Command("go", "build", "-o", program, command).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", command, err, out)
	}
	s = &server{process: exec.Command(program, args...)}
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of the terminal's signals
	var said strings.Builder
	s.process.Stderr = &said
	if s.input, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.answers = bufio.NewReader(output)
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	line, _ := s.answers.ReadString('\n')
	ready, found := strings.CutPrefix(line, "ready ")
	if !found {
		return nil, errors.Join(s.end(), errors.New(said.String()))
	}
	s.kubeconfig = strings.TrimSpace(ready)
	return s, nil
}

// order gives the cluster an order, and waits until it has obeyed.
func (s *server) order(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintln(s.input, text); err != nil {
		return err
	}
	answer, err := s.answers.ReadString('\n')
	if err == nil && answer != "ok\n" {
		err = errors.New(strings.TrimSpace(answer))
	}
	return err
}

// end ends the cluster, and returns when nothing of it is left.
func (s *server) end() error {
	return errors.Join(s.input.Close(), s.process.Wait())
}
