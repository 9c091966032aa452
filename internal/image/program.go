package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// buildFlags make a binary the same from any checkout, and small.
func buildFlags() []string { return []string{"-trimpath", "-buildvcs=false", "-ldflags=-s -w"} }

// Program builds a Go program of this module, by its import path, for Linux and an
// architecture: static, stripped, and the same from any checkout.
func Program(ctx context.Context, path, arch string) (binary []byte, err error) {
	dir, err := os.MkdirTemp("", "runwith-image-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "program")
	build := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, buildFlags(), []string{"-o", file, path})...)
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s for %s: %w\n%s", path, arch, err, out)
	}
	return os.ReadFile(file)
}
