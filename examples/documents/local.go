package main

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
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

// configuration is runwith.yaml, which names the API at its default address.
//
//go:embed runwith.yaml
var configuration string

// defaultURL is that address.
const defaultURL = "http://127.0.0.1:8090"

// jobFile is the job, in Cloud Run's form. Its container is this program: see startLocal.
const jobFile = `{
  "name": "documents",
  "template": {"template": {"maxRetries": 0, "timeout": "600s", "containers": [
    {"image": "documents", "env": [{"name": "DOCUMENTS", "value": %q}]}
  ]}}
}`

// local is runwith up on this machine.
type local struct {
	process *exec.Cmd
	ended   chan struct{}
	folder  string // of files that are removed at the end
}

// startLocal starts runwith up for the API at this URL, and adds to the settings where it is
// and which secret signs its callbacks.
func startLocal(ctx context.Context, s *settings, api string) (_ *local, err error) {
	l := &local{ended: make(chan struct{})}
	if l.folder, err = os.MkdirTemp("", "documents-runwith-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(l.folder))
		}
	}()
	if s.secret == "" {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret)
		s.secret = "whsec_" + base64.StdEncoding.EncodeToString(secret)
	}
	if s.runwith == "" {
		log.Print("building runwith, which takes a minute the first time")
		if s.runwith, err = l.build(ctx); err != nil {
			return nil, err
		}
	}
	command, err := l.command(*s, api)
	if err != nil {
		return nil, err
	}
	s.server, err = l.start(ctx, command)
	return l, err
}

// build builds runwith.
func (l *local) build(ctx context.Context) (program string, err error) {
	program = filepath.Join(l.folder, "runwith")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/runwith/runwith/cmd/runwith")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build runwith: %w: run this in the folder of the module, or name the program with -runwith", err)
	}
	return program, nil
}

// command returns the command line of runwith up, and writes its files.
func (l *local) command(s settings, api string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	config, job := filepath.Join(l.folder, "runwith.yaml"), filepath.Join(l.folder, "documents.json")
	err = errors.Join(
		os.WriteFile(config, []byte(strings.ReplaceAll(configuration, defaultURL, api)), 0o600),
		os.WriteFile(job, fmt.Appendf(nil, jobFile, s.documents), 0o600),
	)
	if err != nil {
		return nil, err
	}
	command := exec.Command(s.runwith, "up", "--addr", s.serverAt, "--data", filepath.Join(s.data, "runwith"), "--runner", "process",
		"--config", config, "--job", job, "--image", fmt.Sprintf("documents='%s' job", self))
	command.Env = append(os.Environ(), "CALLBACK_SECRET="+s.secret)
	return command, nil
}

// start starts runwith, waits until it is ready, and returns its URL.
func (l *local) start(ctx context.Context, command *exec.Cmd) (url string, err error) {
	l.process = command
	out, err := command.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", fmt.Errorf("start runwith: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(l.ended)
		copyLines(out, ready)
		if err := command.Wait(); err != nil {
			log.Printf("runwith up has ended: %v", err)
		}
	}()
	select {
	case url = <-ready:
		return url, nil
	case <-l.ended:
		return "", errors.New("runwith up does not start; if another program has its address, choose one with -server-addr")
	case <-ctx.Done():
		l.stop()
		return "", ctx.Err()
	}
}

// copyLines prints what runwith says, and finds its URL in it.
func copyLines(from io.Reader, ready chan<- string) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		fmt.Fprintln(os.Stderr, "runwith |", lines.Text())
		if url, ok := strings.CutPrefix(lines.Text(), "runwith is ready at "); ok {
			ready <- url
		}
	}
	_, _ = io.Copy(io.Discard, from) // behind a line that is too long
}

// stop ends runwith, which lets its tasks end, and removes its files.
func (l *local) stop() {
	_ = l.process.Process.Signal(syscall.SIGTERM) // it may have ended
	<-l.ended
	if err := os.RemoveAll(l.folder); err != nil {
		log.Printf("remove files: %v", err)
	}
}
