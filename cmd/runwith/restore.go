package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
)

func newRestore() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Fill an empty data folder with the state of a backup",
		Long: `Restore fills an empty data folder, or a new one, with what runwith backup has
written; FILE may be - for standard input. A server that is then started on the
folder goes on from there: executions that were running run again. An invoker without
an engine reads back what was started since the backup; until then, a call's longest
time and the settling delay, it takes no request with a key.`,
		Example: `  runwith restore state.tar --data /srv/restored
  runwith up --data /srv/restored`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			restored, err := restore(cmd.Context(), args[0], cmd.InOrStdin(), data)
			switch {
			case err != nil && cmd.Context().Err() != nil:
				return &exitError{code: exitInterrupted}
			case err != nil:
				return fmt.Errorf("restore %s: %w", args[0], err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "restored %s (%s)\n", data, restored)
			return nil
		},
	}
	addData(cmd, &data)
	return cmd
}

// restore reads an archive from a file, or from in where that is "-". After an
// error the folder is as empty as it was.
func restore(ctx context.Context, file string, in io.Reader, data string) (restored content, err error) {
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return restored, err
		}
		defer opened.Close()
		in = opened
	}
	root, err := emptyFolder(data)
	if err != nil {
		return restored, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	u := &unpacker{root: root, tar: tar.NewReader(in)}
	err = u.unpack(ctx)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = &runwith.Error{Code: runwith.DataLoss, Message: "the archive is cut off: take another copy of it", Err: err}
	}
	if err == nil {
		err = u.publish()
	}
	if err != nil {
		return restored, errors.Join(err, u.clear())
	}
	return u.found, errors.Join(syncFolder(filepath.Join(data, "logs")), syncFolder(data))
}

// emptyFolder opens a folder, which is made where it is missing, and refuses one
// with something in it.
func emptyFolder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, runwith.Errorf(runwith.FailedPrecondition,
			"%s is not empty: name an empty folder, or a new one, with --data", dir)
	}
	return os.OpenRoot(dir)
}

// unpacker writes what an archive holds below a folder, and nowhere else.
type unpacker struct {
	root  *os.Root
	tar   *tar.Reader
	found content
	whole bool // the manifest was there
}

// unpack reads the archive to its end; one that is cut off is
// [io.ErrUnexpectedEOF].
func (u *unpacker) unpack(ctx context.Context) error {
	if err := u.root.Mkdir("logs", 0o700); err != nil {
		return err
	}
	for {
		header, err := u.tar.Next()
		switch {
		case errors.Is(err, io.EOF) && u.whole:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return err
		case err != nil:
			return fmt.Errorf("it is no archive of runwith backup: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := u.entry(header); err != nil {
			return err
		}
	}
}

// entry takes one file of the archive. What no backup writes is refused.
func (u *unpacker) entry(header *tar.Header) error {
	name := header.Name
	switch {
	case header.Typeflag != tar.TypeReg || u.whole:
	case name == manifestName:
		return u.manifest()
	case archivedLog.MatchString(name):
		return u.file(name, header)
	case slices.Contains(databases(), name):
		return u.file(unpublished(name), header)
	}
	return runwith.Errorf(runwith.InvalidArgument, "it is no archive of runwith backup: %q is in it", name)
}

func (u *unpacker) file(name string, header *tar.Header) (err error) {
	file, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	n, err := io.Copy(file, u.tar)
	if err != nil {
		return err
	}
	u.found.count(header.Name, n)
	return file.Sync()
}

// manifest holds the files that were found against what was written.
func (u *unpacker) manifest() error {
	var m manifest
	if err := json.NewDecoder(io.LimitReader(u.tar, 64<<10)).Decode(&m); err != nil {
		return fmt.Errorf("%s: %w", manifestName, err)
	}
	switch {
	case m.Format != archiveFormat:
		return runwith.Errorf(runwith.FailedPrecondition,
			"the archive has format %d, and this runwith knows %d: use runwith %s, which wrote it", m.Format, archiveFormat, m.Version)
	case m.Files != u.found.files():
		return runwith.Errorf(runwith.DataLoss, "the archive holds %d files of %d: take another copy of it", u.found.files(), m.Files)
	}
	u.whole = true
	return nil
}

// unpublished is the name of a database until all of the archive is there, so that
// no server begins on a part of it.
func unpublished(name string) string { return name + ".restoring" }

// publish gives the databases their names.
func (u *unpacker) publish() error {
	if err := u.mark(); err != nil {
		return err
	}
	for _, name := range databases() {
		err := u.root.Rename(unpublished(name), name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// mark says of an invoker without an engine that it was restored: its Cloud Run has
// gone on since the backup, and what was started meanwhile is to be read back. An
// engine that comes with it has not.
func (u *unpacker) mark() error {
	if _, err := u.root.Stat(unpublished(engineDatabase)); err == nil {
		return nil
	}
	mark, err := u.root.OpenFile(invokerDatabase+invoker.RestoredSuffix, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(mark.Sync(), mark.Close())
}

// clear takes away what was written.
func (u *unpacker) clear() error {
	errs := []error{u.root.RemoveAll("logs")}
	for _, name := range databases() {
		errs = append(errs, u.root.RemoveAll(name), u.root.RemoveAll(unpublished(name)))
	}
	return errors.Join(append(errs, u.root.RemoveAll(invokerDatabase+invoker.RestoredSuffix))...)
}

// syncFolder makes what was created in a folder last, where folders can be synced.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
