package archive

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/durablefile"
	"github.com/runwith/runwith/internal/sqlite"
)

// Source is a data folder to write an archive of. Its server may be running.
type Source struct {
	Dir     string
	Version string // of this runwith, for the manifest
}

// WriteFile writes an archive to a file, which must not exist unless replace is
// set. The file appears only when it is complete.
func (s Source) WriteFile(ctx context.Context, file string, replace bool) (Content, error) {
	if err := vacant(file, replace); err != nil {
		return Content{}, err
	}
	temporary, err := os.OpenFile(file+".tmp", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return Content{}, fmt.Errorf("%w: another backup is being written; if none is, remove this file", err)
	}
	if err != nil {
		return Content{}, fmt.Errorf("write backup: %w", err)
	}
	written, err := s.write(ctx, temporary, filepath.Dir(file))
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = vacant(file, replace) // another process may have made it meanwhile
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return Content{}, errors.Join(err, os.Remove(temporary.Name()))
	}
	return written, durablefile.SyncFolder(filepath.Dir(file))
}

// vacant returns an error if the file exists, unless it is to be replaced.
func vacant(file string, replace bool) error {
	if _, err := os.Lstat(file); err == nil && !replace {
		return runwith.Errorf(runwith.AlreadyExists, "%s exists: choose another file, or replace it with --force", file)
	}
	return nil
}

// Write writes an archive to w. It keeps copies of the databases in the folder for
// temporary files until it returns.
func (s Source) Write(ctx context.Context, w io.Writer) (Content, error) {
	return s.write(ctx, w, os.TempDir())
}

// write writes an archive to w; the copies of the databases go below scratch.
func (s Source) write(ctx context.Context, w io.Writer, scratch string) (written Content, err error) {
	copies, err := os.MkdirTemp(scratch, ".runwith-backup-")
	if err != nil {
		return written, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copies)) }()
	names, err := s.copyDatabases(ctx, copies)
	if err != nil {
		return written, err
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	a := &writer{tar: tar.NewWriter(buffered), digest: newDigest()}
	for _, name := range names {
		if err := a.file(ctx, name, filepath.Join(copies, name)); err != nil {
			return written, err
		}
	}
	// After the copy of the database, so that an archive of a store that was moved meanwhile has it.
	if err := a.file(ctx, movedMark, filepath.Join(s.Dir, movedMark)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return written, err
	}
	if err := a.logs(ctx, filepath.Join(s.Dir, "logs")); err != nil {
		return written, err
	}
	if err := a.manifest(s.Version); err != nil {
		return written, err
	}
	if err := errors.Join(a.tar.Close(), buffered.Flush()); err != nil {
		return written, fmt.Errorf("write backup: %w", err)
	}
	return a.written, nil
}

// copyDatabases copies the databases that exist, and returns their names.
func (s Source) copyDatabases(ctx context.Context, to string) (names []string, err error) {
	for _, name := range databases() {
		err := sqlite.Backup(ctx, filepath.Join(s.Dir, name), filepath.Join(to, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // the folder belongs to an engine alone, or to an invoker
		}
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, runwith.Errorf(runwith.FailedPrecondition, "%s holds no state of runwith: choose the data folder with --data", s.Dir)
	}
	return names, nil
}

// writer writes the entries of an archive.
type writer struct {
	tar     *tar.Writer
	digest  digest
	written Content
}

// logs adds the log files in a folder. A log only grows, so its file has everything
// that the databases, which were copied before, know of it.
func (a *writer) logs(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("back up logs: %w", err)
	}
	for _, entry := range entries {
		name := "logs/" + entry.Name()
		if !entry.Type().IsRegular() || !isLog(name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := a.file(ctx, name, filepath.Join(dir, entry.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // the engine may have deleted it
			return err
		}
	}
	return nil
}

// file adds a file, up to its size at this moment.
func (a *writer) file(ctx context.Context, name, from string) error {
	file, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	if err := a.tar.WriteHeader(header(name, info.Size(), info.ModTime())); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	a.digest.begin(name, info.Size())
	if _, err := io.CopyN(io.MultiWriter(a.tar, a.digest), contextReader{ctx, file}, info.Size()); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	a.written.add(name, info.Size())
	return nil
}

// manifest adds the last entry.
func (a *writer) manifest(version string) error {
	now := time.Now().UTC()
	text, err := json.Marshal(manifest{Format: format, Files: a.written.files(), Version: version, Time: now, SHA256: a.digest.String()})
	if err != nil {
		return err
	}
	if err := a.tar.WriteHeader(header(manifestName, int64(len(text)), now)); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	_, err = a.tar.Write(text)
	return err
}

func header(name string, size int64, modified time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: modified}
}
