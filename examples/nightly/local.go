package main

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// configuration is runwith.yaml, without the URL of the receiver.
//
//go:embed runwith.yaml
var configuration string

// jobFile is the job, in Cloud Run's form. Its container is this program.
const jobFile = `{"name": "report", "template": {"template": {"containers": [{"image": "report"}]}}}`

// local is runwith up on this machine. It can be started again after it was stopped.
type local struct {
	args    []string
	url     string
	process *exec.Cmd
	ended   chan error // how it has ended, once
}

// newLocal prepares runwith up, which calls url back.
func newLocal(ctx context.Context, s settings, url string) (*local, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, job := filepath.Join(s.data, "runwith.yaml"), filepath.Join(s.data, "report.json")
	err = errors.Join(
		os.WriteFile(config, []byte(strings.Replace(configuration, "CALLBACK_URL", url, 1)), 0o600),
		os.WriteFile(job, []byte(jobFile), 0o600),
	)
	if err == nil && s.runwith == "" {
		s.runwith, err = build(ctx, s.data)
	}
	return &local{args: []string{
		s.runwith, "up", "--addr", s.addr, "--data", filepath.Join(s.data, "runwith"), "--runner", "process",
		"--config", config, "--job", job, "--image", fmt.Sprintf("report='%s' job", self),
	}}, err
}

// build builds runwith in a folder.
func build(ctx context.Context, folder string) (program string, err error) {
	log.Print("building runwith, which takes a minute the first time")
	program = filepath.Join(folder, "runwith.bin")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/runwith/runwith/cmd/runwith")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build runwith: %w: run this in the folder of the module, or name the program with -runwith", err)
	}
	return program, nil
}

// start starts the process and waits until it is ready.
func (l *local) start(ctx context.Context) error {
	l.process, l.ended = exec.Command(l.args[0], l.args[1:]...), make(chan error, 1)
	out, err := l.process.StderrPipe()
	if err != nil {
		return err
	}
	if err := l.process.Start(); err != nil {
		return fmt.Errorf("start runwith: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		copyLines(out, ready)
		l.ended <- l.process.Wait()
	}()
	select {
	case l.url = <-ready:
		return nil
	case err := <-l.ended:
		return fmt.Errorf("runwith up does not start (%w); if another program has its address, choose one with -addr", err)
	case <-ctx.Done():
		l.stop()
		return ctx.Err()
	}
}

// copyLines prints the lines of runwith, and finds its URL in them.
func copyLines(from io.Reader, ready chan<- string) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		fmt.Fprintln(os.Stderr, "runwith |", lines.Text())
		if url, ok := strings.CutPrefix(lines.Text(), "runwith is ready at "); ok {
			ready <- url
		}
	}
	_, _ = io.Copy(io.Discard, from) // behind a line that is too long
}

// stop ends runwith, which lets its tasks end.
func (l *local) stop() {
	_ = l.process.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := <-l.ended; err != nil {
		log.Printf("runwith up: %v", err)
	}
}
