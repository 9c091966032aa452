//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestConfigurationIsANamedPipe has a pipe without a writer in place of the file.
func TestConfigurationIsANamedPipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "runwith.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readConfiguration(pipe); err == nil || !strings.Contains(err.Error(), "is a named pipe to which nobody writes") {
		t.Errorf("readConfiguration of a named pipe = %v, want an error that names it", err)
	}
}
