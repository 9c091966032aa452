// Package skewtest builds programs whose clock is wrong. Tests start one to show that a replica
// with such a clock does no harm.
package skewtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Variable names the environment variable that moves the clock of a built program, as a duration:
// "10m" is ten minutes ahead, "-10m" is ten minutes behind. Without it the clock is right.
const Variable = "RUNWITH_TEST_SKEW"

// Build builds a Go program, such as github.com/runwith/runwith/cmd/runwith, and returns its path.
// [Variable] moves the clock of the whole program, including its libraries: what [time.Now]
// returns. Durations and timers stay right, because they use the monotonic clock.
//
// The program gets a changed copy of package time, so the first build compiles everything again.
// Go caches that.
func Build(t testing.TB, program string) (path string) {
	t.Helper()
	path, err := Into(t.TempDir(), program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Into builds a program into a folder, which is not a test's.
func Into(dir, program string) (path string, err error) {
	overlay, err := overlay(dir)
	if err != nil {
		return "", fmt.Errorf("change package time: %w", err)
	}
	path = filepath.Join(dir, "program.exe") // Windows starts only such names
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", path, program).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", program, err, out)
	}
	return path, nil
}

// The change of package time. A file is added, and the clock is moved after it is read.
const (
	read  = "	sec, nsec, mono := runtimeNow()\n"
	moved = read + "	sec += skew\n"
	added = `package time

import "syscall"

var skew = func() (seconds int64) {
	text, found := syscall.Getenv("` + Variable + `")
	if !found {
		return 0
	}
	by, err := ParseDuration(text)
	if err != nil {
		panic("` + Variable + `: " + err.Error())
	}
	return int64(by / Second)
}()
`
)

// overlay writes the changed files of package time into a folder, and returns the file that
// go build's flag -overlay takes.
func overlay(dir string) (file string, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(string(bytes.TrimSpace(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	if n := bytes.Count(text, []byte(read)); n != 1 {
		return "", fmt.Errorf("%s/time.go reads the clock in %d places, want 1: adapt skewtest to this version of Go", source, n)
	}
	files := map[string]string{}
	write := func(name string, text []byte) error {
		files[filepath.Join(source, name)] = filepath.Join(dir, name)
		return os.WriteFile(filepath.Join(dir, name), text, 0o600)
	}
	err = errors.Join(write("time.go", bytes.Replace(text, []byte(read), []byte(moved), 1)), write("skew.go", []byte(added)))
	if err != nil {
		return "", err
	}
	text, err = json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, text, 0o600)
}
