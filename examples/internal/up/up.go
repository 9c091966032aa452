// Package up builds and runs `runwith up` for the examples.
package up

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Server is a running `runwith up`.
type Server struct {
	URL     string
	process *exec.Cmd
	ended   chan error // how it has ended, once
}

// Build builds runwith in a folder, and returns the path of the program. It needs the folder of
// the module as the working directory.
func Build(ctx context.Context, folder string) (program string, err error) {
	log.Print("building runwith, which takes a minute the first time")
	program = filepath.Join(folder, "runwith.bin")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/runwith/runwith/cmd/runwith")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build runwith: %w: run this in the folder of the module, or name the program with -runwith", err)
	}
	return program, nil
}

// Start starts a command line of `runwith up`, and returns when the server is ready. addressFlag
// is the flag of the example that chooses another address. The caller stops the server.
func Start(ctx context.Context, command *exec.Cmd, addressFlag string) (*Server, error) {
	s := &Server{process: command, ended: make(chan error, 1)}
	out, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start runwith: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		copyLines(out, ready)
		s.ended <- command.Wait()
	}()
	select {
	case s.URL = <-ready:
		return s, nil
	case err := <-s.ended:
		return nil, fmt.Errorf("runwith up does not start (%w); if another program has its address, choose one with %s", err, addressFlag)
	case <-ctx.Done():
		s.Stop()
		return nil, ctx.Err()
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

// Stop ends the server, which lets its tasks end.
func (s *Server) Stop() {
	_ = s.process.Process.Signal(syscall.SIGTERM) // it may have ended
	if err := <-s.ended; err != nil {
		log.Printf("runwith up: %v", err)
	}
}
