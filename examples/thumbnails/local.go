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

// configuration is runwith.yaml.
//
//go:embed runwith.yaml
var configuration []byte

// jobFile is the job, in Cloud Run's form. Its container is this program: see startLocal.
const jobFile = `{
  "name": "thumbnails",
  "template": {"template": {"maxRetries": 1, "timeout": "60s", "containers": [
    {"image": "thumbnails", "env": [{"name": "BUCKETS", "value": %q}]}
  ]}}
}`

// local is runwith up on this machine.
type local struct {
	url     string
	process *exec.Cmd
	ended   chan error // how it has ended, once
}

// startLocal starts runwith up, and returns when it is ready.
func startLocal(ctx context.Context, s settings) (*local, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, job := filepath.Join(s.data, "runwith.yaml"), filepath.Join(s.data, "thumbnails.json")
	err = errors.Join(
		os.MkdirAll(s.data, 0o700),
		os.WriteFile(config, configuration, 0o600),
		os.WriteFile(job, fmt.Appendf(nil, jobFile, filepath.Join(s.data, "buckets")), 0o600),
	)
	if err == nil && s.runwith == "" {
		s.runwith, err = build(ctx, s.data)
	}
	if err != nil {
		return nil, err
	}
	l := &local{ended: make(chan error, 1)}
	l.process = exec.Command(s.runwith, "up", "--addr", s.addr, "--data", filepath.Join(s.data, "runwith"), "--runner", "process",
		"--config", config, "--job", job, "--image", fmt.Sprintf("thumbnails='%s' job", self))
	return l, l.start(ctx)
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
