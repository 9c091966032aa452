package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// bench holds everything that the scenarios share.
type bench struct {
	options
	dir      string // temporary
	binary   string // runwith, built like a release
	floor    *floor
	progress io.Writer

	up     *server // nil until the first scenario asks for it
	engine *cloudRun
}

// newBench builds runwith and opens the floor. The caller closes it.
func newBench(ctx context.Context, o options, progress io.Writer) (_ *bench, err error) {
	b := &bench{options: o, progress: progress}
	if b.dir, err = os.MkdirTemp(o.data, "runwith-bench-"); err != nil {
		return nil, fmt.Errorf("make temporary folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	fmt.Fprintln(progress, "building runwith")
	if b.binary, err = b.build(ctx, "runwith", "github.com/runwith/runwith/cmd/runwith"); err != nil {
		return nil, err
	}
	b.floor, err = b.openFloor(ctx)
	return b, err
}

// build builds a package or a file in the way of `make build`.
func (b *bench) build(ctx context.Context, name, what string) (string, error) {
	binary := filepath.Join(b.dir, name+".bin")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "grpcnotrace", "-o", binary, what)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return binary, nil
}

// close stops the processes and removes the temporary folder.
func (b *bench) close() error {
	var errs []error
	if b.engine != nil {
		errs = append(errs, b.engine.close())
	}
	if b.up != nil {
		errs = append(errs, b.up.stop())
	}
	if b.floor != nil {
		errs = append(errs, b.floor.close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// open starts the server that most scenarios share, creates the job, and returns the
// official client of the server's engine.
func (b *bench) open(ctx context.Context) (_ *cloudRun, err error) {
	if b.engine != nil {
		return b.engine, nil
	}
	if b.up, err = b.startUp(ctx, filepath.Join(b.dir, "data")); err != nil {
		return nil, err
	}
	if b.engine, err = dial(ctx, b.up.addr); err != nil {
		return nil, err
	}
	return b.engine, b.engine.createJob(ctx, jobID, 1, 0)
}

// clientsOr returns the number of concurrent clients: -clients, or n by default.
func (b *bench) clientsOr(n int) int { return cmp.Or(b.clients, n) }
