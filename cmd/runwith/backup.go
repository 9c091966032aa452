package main

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

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

func newBackup() *cobra.Command {
	var (
		data  string
		force bool
	)
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the state of a data folder to a file, also while its server runs",
		Long: `Backup writes a tar archive of the state in a data folder: the databases, each as
of one moment, and what tasks have printed. The server that holds the folder goes
on meanwhile. FILE may be - for standard output. See runwith restore.`,
		Example: `  runwith backup state.tar
  runwith backup - --data /srv/runwith | zstd > state.tar.zst`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			saved, err := backup(cmd.Context(), data, args[0], cmd.OutOrStdout(), force)
			switch {
			case err != nil && cmd.Context().Err() != nil:
				return &exitError{code: exitInterrupted}
			case err == nil:
				fmt.Fprintf(cmd.ErrOrStderr(), "backed up %s (%s)\n", data, saved)
			}
			return err
		},
	}
	addData(cmd, &data)
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE where it exists")
	return cmd
}

// backup writes an archive to a file, or to out where that is "-".
func backup(ctx context.Context, data, file string, out io.Writer, force bool) (content, error) {
	if file == "-" {
		return writeArchive(ctx, data, out, os.TempDir())
	}
	if err := vacant(file, force); err != nil {
		return content{}, err
	}
	temporary, err := os.OpenFile(file+".tmp", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return content{}, fmt.Errorf("%w: another backup is being written, or one was cut short: remove it then", err)
	}
	if err != nil {
		return content{}, fmt.Errorf("write backup: %w", err)
	}
	saved, err := writeArchive(ctx, data, temporary, filepath.Dir(file))
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = vacant(file, force) // it may have come meanwhile
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		return content{}, errors.Join(err, os.Remove(temporary.Name()))
	}
	return saved, syncFolder(filepath.Dir(file))
}

// vacant reports a file that is in the way.
func vacant(file string, force bool) error {
	if _, err := os.Lstat(file); err == nil && !force {
		return runwith.Errorf(runwith.AlreadyExists, "%s exists: name another file, or say --force to replace it", file)
	}
	return nil
}

// writeArchive writes an archive of a data folder. Scratch has room for copies of
// the databases.
func writeArchive(ctx context.Context, data string, w io.Writer, scratch string) (saved content, err error) {
	copies, err := os.MkdirTemp(scratch, ".runwith-backup-")
	if err != nil {
		return saved, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copies)) }()
	names, err := copyDatabases(ctx, data, copies)
	if err != nil {
		return saved, err
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	a := &archiver{tar: tar.NewWriter(buffered)}
	for _, name := range names {
		if err := a.file(name, filepath.Join(copies, name)); err != nil {
			return saved, err
		}
	}
	if err := a.logs(ctx, filepath.Join(data, "logs")); err != nil {
		return saved, err
	}
	if err := a.manifest(); err != nil {
		return saved, err
	}
	if err := errors.Join(a.tar.Close(), buffered.Flush()); err != nil {
		return saved, fmt.Errorf("write backup: %w", err)
	}
	return a.saved, nil
}

// copyDatabases copies the databases that are there, and returns their names.
func copyDatabases(ctx context.Context, data, to string) (names []string, err error) {
	for _, name := range databases() {
		err := sqlite.Backup(ctx, filepath.Join(data, name), filepath.Join(to, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // a folder of an engine alone, or of an invoker
		}
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, runwith.Errorf(runwith.FailedPrecondition, "%s has no state of runwith in it: name its folder with --data", data)
	}
	return names, nil
}

// archiver writes an archive.
type archiver struct {
	tar   *tar.Writer
	saved content
}

// logs adds the files of a folder of logs. They only grow, so that what is there
// by now is all that the databases, copied before, know of.
func (a *archiver) logs(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("back up logs: %w", err)
	}
	for _, entry := range entries {
		name := "logs/" + entry.Name()
		if !entry.Type().IsRegular() || !archivedLog.MatchString(name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := a.file(name, filepath.Join(dir, entry.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // deleted with its execution
			return err
		}
	}
	return nil
}

// file adds a file, up to the size that it has now.
func (a *archiver) file(name, from string) error {
	file, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o600, ModTime: info.ModTime()}
	if err := a.tar.WriteHeader(header); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	if _, err := io.CopyN(a.tar, file, info.Size()); err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	a.saved.count(name, info.Size())
	return nil
}

func (a *archiver) manifest() error {
	now := time.Now().UTC()
	text, err := json.Marshal(manifest{Format: archiveFormat, Files: a.saved.files(), Version: version(), Time: now})
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: manifestName, Size: int64(len(text)), Mode: 0o600, ModTime: now}
	if err := a.tar.WriteHeader(header); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	_, err = a.tar.Write(text)
	return err
}
