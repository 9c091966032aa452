package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/durablefile"
)

// Target is a data folder to fill from an archive.
type Target struct {
	// Dir must be empty, or not exist.
	Dir string
	// Mark is the name of an empty file that Extract adds if the archive has an
	// invoker without an engine. That invoker's Cloud Run went on after the backup,
	// so the invoker must read back what was started since.
	Mark string
}

// Extract reads an archive. After an error the folder is empty.
func (t Target) Extract(ctx context.Context, in io.Reader) (extracted Content, err error) {
	root, err := emptyFolder(t.Dir)
	if err != nil {
		return extracted, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	x := &extractor{root: root, tar: tar.NewReader(in), mark: t.Mark, digest: newDigest()}
	err = x.extract(ctx)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = &runwith.Error{Code: runwith.DataLoss, Message: "the archive is truncated: use another copy of it", Err: err}
	}
	if err == nil {
		err = x.publish()
	}
	if err != nil {
		return extracted, errors.Join(err, x.clear())
	}
	return x.found, errors.Join(durablefile.SyncFolder(filepath.Join(t.Dir, "logs")), durablefile.SyncFolder(t.Dir))
}

// emptyFolder opens a folder and makes it if it does not exist. A folder that is not
// empty is an error.
func emptyFolder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, runwith.Errorf(runwith.FailedPrecondition, "%s is not empty: choose an empty or a new folder with --data", dir)
	}
	return os.OpenRoot(dir)
}

// extractor writes the entries of an archive below a folder, and nowhere else.
type extractor struct {
	root     *os.Root
	tar      *tar.Reader
	mark     string
	digest   digest
	found    Content
	complete bool // the manifest was read
}

// extract reads the archive to its end. A truncated one is [io.ErrUnexpectedEOF].
func (x *extractor) extract(ctx context.Context) error {
	if err := x.root.Mkdir("logs", 0o700); err != nil {
		return err
	}
	for {
		header, err := x.tar.Next()
		switch {
		case errors.Is(err, io.EOF) && x.complete:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return err
		case err != nil:
			return fmt.Errorf("this is not an archive of runwith backup: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := x.entry(ctx, header); err != nil {
			return err
		}
	}
}

// entry extracts one file. A file that no backup writes is an error.
func (x *extractor) entry(ctx context.Context, header *tar.Header) error {
	name := header.Name
	switch {
	case header.Typeflag != tar.TypeReg || x.complete:
	case name == manifestName:
		return x.manifest()
	case isLog(name), name == movedMark:
		return x.file(ctx, name, header)
	case slices.Contains(databases(), name):
		return x.file(ctx, unpublished(name), header)
	}
	return runwith.Errorf(runwith.InvalidArgument, "this is not an archive of runwith backup: it contains %q", name)
}

func (x *extractor) file(ctx context.Context, name string, header *tar.Header) (err error) {
	file, err := x.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	x.digest.begin(header.Name, header.Size)
	n, err := io.Copy(io.MultiWriter(file, x.digest), contextReader{ctx, x.tar})
	if err != nil {
		return err
	}
	x.found.add(header.Name, n)
	return file.Sync()
}

// manifest compares the manifest with the files before it.
func (x *extractor) manifest() error {
	var m manifest
	text, err := io.ReadAll(io.LimitReader(x.tar, 64<<10))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return &runwith.Error{Code: runwith.DataLoss, Message: "the archive is damaged: use another copy of it", Err: err}
	}
	switch {
	case m.Format != format:
		return runwith.Errorf(runwith.FailedPrecondition,
			"the archive has format %d, but this runwith reads only format %d: use runwith %s, which wrote it", m.Format, format, m.Version)
	case m.Files != x.found.files():
		return runwith.Errorf(runwith.DataLoss, "the archive has %d of %d files: use another copy of it", x.found.files(), m.Files)
	case m.SHA256 == "" && early(text): // the databases are checked when they are opened
	case m.SHA256 != x.digest.String():
		return runwith.Errorf(runwith.DataLoss, "the archive is damaged: use another copy of it")
	}
	x.complete = true
	return nil
}

// early reports whether a manifest without a checksum is whole, as early releases wrote it: in a
// damaged one, the name of the checksum is an unknown field.
func early(manifestText []byte) bool {
	d := json.NewDecoder(bytes.NewReader(manifestText))
	d.DisallowUnknownFields()
	return d.Decode(new(manifest)) == nil
}

// unpublished is the name of a database until the whole archive is extracted, so that
// no server opens an incomplete folder.
func unpublished(name string) string { return name + ".restoring" }

// publish gives the databases their names.
func (x *extractor) publish() error {
	if _, err := x.root.Stat(unpublished(EngineDatabase)); errors.Is(err, os.ErrNotExist) {
		if err := x.addMark(); err != nil {
			return err
		}
	}
	for _, name := range databases() {
		err := x.root.Rename(unpublished(name), name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (x *extractor) addMark() error {
	mark, err := x.root.OpenFile(x.mark, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(mark.Sync(), mark.Close())
}

// clear removes everything that was written.
func (x *extractor) clear() error {
	errs := []error{x.root.RemoveAll("logs"), x.root.RemoveAll(x.mark), x.root.RemoveAll(movedMark)}
	for _, name := range databases() {
		errs = append(errs, x.root.RemoveAll(name), x.root.RemoveAll(unpublished(name)))
	}
	return errors.Join(errs...)
}
