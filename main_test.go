//go:build linux || darwin

package runwith_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// server is the base URL of the invoker in the examples. TestMain starts it as a real
// process.
var server string

func TestMain(m *testing.M) {
	code, err := withServer(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "server for the examples:", err)
		code = 1
	}
	os.Exit(code)
}

// withServer runs tests while `runwith up` serves, with its state in a temporary
// folder. It returns the exit code of the tests.
func withServer(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "runwith-examples-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "runwith")
	if output, err := exec.Command("go", "build", "-o", binary, "./cmd/runwith").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, output)
	}
	up := exec.Command(binary, "up", "--addr", "127.0.0.1:0", "--data", filepath.Join(dir, "data"))
	stderr, err := up.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := up.Start(); err != nil {
		return 0, err
	}
	defer func() {
		err = errors.Join(err, up.Process.Signal(syscall.SIGTERM), up.Wait())
	}()
	if server, err = ready(stderr); err != nil {
		return 0, err
	}
	go io.Copy(os.Stderr, stderr) // show the server's errors with the tests' output
	return run(), nil
}

// ready reads the server's output until it prints its URL.
func ready(stderr io.Reader) (url string, err error) {
	var said strings.Builder
	for lines := bufio.NewScanner(io.TeeReader(stderr, &said)); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "runwith is ready at "); ok {
			return url, nil
		}
	}
	return "", fmt.Errorf("the server ended before it was ready:\n%s", said.String())
}
