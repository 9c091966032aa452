package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Program builds a Go program of this module for Linux. The binary is static and stripped,
// and every checkout gives the same one. path is the import path of the program, arch an
// architecture such as amd64.
func Program(ctx context.Context, path, arch string) (binary []byte, err error) {
	dir, err := os.MkdirTemp("", "runwith-image-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "program")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags=grpcnotrace", "-ldflags=-s -w", "-o", file, path)
	build.Env = append(build.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s for %s: %w\n%s", path, arch, err, out)
	}
	return os.ReadFile(file)
}
