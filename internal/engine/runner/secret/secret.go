// Package secret reads secrets from a folder of this machine instead of Secret Manager.
// The file DIR/NAME/VERSION contains the value of one version.
package secret

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxValue is the largest size of a value, in bytes.
// https://cloud.google.com/secret-manager/quotas#content_limits
const maxValue = 64 << 10

// latest is the alias of the highest version.
const latest = "latest"

// Store is a folder of secrets. The nil Store has none; its errors name the flag that
// adds one. Its methods may be called concurrently.
type Store struct {
	dir  string
	root *os.Root
}

// Open opens a folder of secrets. The Store never reads a file outside of it, not even
// through a symbolic link. The caller closes it.
func Open(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open folder of secrets: %w", err)
	}
	return &Store{dir: dir, root: root}, nil
}

// Close closes the folder.
func (s *Store) Close() error {
	if s == nil {
		return nil
	}
	return s.root.Close()
}

// Read returns the value of a version of a secret. An empty version is "latest", the
// highest. The name is the secret's, or its resource name, whose last part counts.
// Errors are FAILED_PRECONDITION and name the missing file.
//
// Deviation: the project in a resource name is ignored, and "latest" is the only alias.
// The value is read when the attempt starts, for a volume too.
//
// See https://cloud.google.com/run/docs/configuring/jobs/secrets.
func (s *Store) Read(name, version string) ([]byte, error) {
	file, err := s.open(name, version)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	value, err := io.ReadAll(io.LimitReader(file, maxValue+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read secret %s: %w", file.Name(), err)
	case len(value) > maxValue:
		return nil, runwith.Errorf(runwith.FailedPrecondition, "secret file %s is larger than %d KiB", file.Name(), maxValue>>10)
	}
	return value, nil
}

// Check returns the error of a Read, except errors that only reading the file can cause.
func (s *Store) Check(name, version string) error {
	file, err := s.open(name, version)
	if err != nil {
		return err
	}
	return file.Close()
}

func (s *Store) open(name, version string) (*os.File, error) {
	if s == nil {
		return nil, runwith.Errorf(runwith.FailedPrecondition,
			"secret %q: the server was started without secrets; start it with --secrets DIR, and put the value into DIR/%s/%s",
			name, path.Base(name), orLatest(version, "1"))
	}
	id, ok := jobspec.CutSecret(name)
	if !ok {
		return nil, runwith.Errorf(runwith.FailedPrecondition, "%s is not the name of a secret", jobspec.Quote(name))
	}
	if orLatest(version, latest) == latest {
		var err error
		if version, err = s.highest(id); err != nil {
			return nil, err
		}
	}
	if !jobspec.IsSecretVersion(version) {
		return nil, runwith.Errorf(runwith.FailedPrecondition, "%s is not a version of a secret", jobspec.Quote(version))
	}
	rel := id + "/" + version
	// Checked before the open, which would block for a pipe.
	if info, err := s.root.Stat(rel); err != nil || !info.Mode().IsRegular() {
		return nil, s.refuse(rel, cmp.Or(err, errNoFile))
	}
	file, err := s.root.Open(rel)
	if err != nil {
		return nil, s.refuse(rel, err)
	}
	return file, nil
}

func orLatest(version, otherwise string) string {
	if version == "" || version == latest {
		return otherwise
	}
	return version
}

// highest returns the version with the highest number.
func (s *Store) highest(name string) (string, error) {
	dir, err := s.root.Open(name)
	if err != nil {
		return "", s.refuse(name, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return "", s.refuse(name, err)
	}
	highest := 0
	for _, version := range names {
		if n, err := strconv.Atoi(version); err == nil && strconv.Itoa(n) == version {
			highest = max(highest, n)
		}
	}
	if highest == 0 {
		return "", runwith.Errorf(runwith.FailedPrecondition,
			"secret %q has no version in %s; put its value into %s", name, s.path(name), s.path(name+"/1"))
	}
	return strconv.Itoa(highest), nil
}

var errNoFile = errors.New("it is no file")

// refuse returns the error for a file or folder of a secret.
func (s *Store) refuse(rel string, err error) error {
	e := &runwith.Error{Code: runwith.FailedPrecondition, Err: err}
	switch cause := rootCause(err); {
	case errors.Is(err, fs.ErrNotExist):
		e.Message = fmt.Sprintf("there is no secret %s; put its value into that file", s.path(rel))
	default:
		e.Message = fmt.Sprintf("secret %s cannot be read: %v", s.path(rel), cause)
	}
	return e
}

func rootCause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func (s *Store) path(rel string) string { return path.Join(s.dir, rel) }
