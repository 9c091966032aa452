//go:build linux || darwin

package process

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/runner"
)

// record is what a server writes down of an attempt, for the next one to find it
// if this one dies. It means something only during the same boot.
type record struct {
	ID    string `json:"id"` // runner.ID.String
	Boot  string `json:"boot"`
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // when the process started, in the units of lookProcess
}

// records are the files of the attempts that run: one record and one home folder
// each, named after the attempt's ID.
type records struct{ dir, homes string }

const recordSuffix = ".json"

func openRecords(dir string) (records, error) {
	r := records{dir: filepath.Join(dir, "attempts"), homes: filepath.Join(dir, "homes")}
	return r, errors.Join(os.MkdirAll(r.dir, 0o700), os.MkdirAll(r.homes, 0o700))
}

// fileName is a short name without slashes: an execution's resource name may be
// longer than a file's.
func fileName(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

func (r records) path(id string) string { return filepath.Join(r.dir, fileName(id)+recordSuffix) }

func (r records) home(id runner.ID) string { return filepath.Join(r.homes, fileName(id.String())) }

// write writes a record whole or not at all. It is not synced to the disk: after
// a loss of power there is nothing for it to find.
func (r records) write(rec record) error {
	b, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	path := r.path(rec.ID)
	if err := os.WriteFile(path+".tmp", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// read returns the record of an ID, and false where there is none.
func (r records) read(id runner.ID) (record, bool, error) {
	return readRecord(r.path(id.String()))
}

func readRecord(path string) (rec record, ok bool, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, false, nil
	}
	if err != nil {
		return record{}, false, err
	}
	// One that cannot be read names no process; the marker still finds it.
	if json.Unmarshal(b, &rec) != nil {
		return record{}, false, nil
	}
	return rec, true, nil
}

// all returns every record there is.
func (r records) all() ([]record, error) {
	names, err := filepath.Glob(filepath.Join(r.dir, "*"+recordSuffix))
	if err != nil {
		return nil, err
	}
	var all []record
	for _, name := range names {
		rec, ok, err := readRecord(name)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, rec)
		}
	}
	return all, nil
}

// makeHome makes the fresh home folder of an attempt.
func (r records) makeHome(id runner.ID) (string, error) {
	home := r.home(id)
	err := os.Mkdir(home, 0o700)
	if errors.Is(err, fs.ErrExist) {
		if err = removeTree(home); err == nil {
			err = os.Mkdir(home, 0o700)
		}
	}
	return home, err
}

// remove removes the record and the home folder of an attempt, if any.
func (r records) remove(id runner.ID) error {
	err := os.Remove(r.path(id.String()))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, removeTree(r.home(id)))
}

// prune removes what belongs to none of the IDs.
func (r records) prune(keep []runner.ID) error {
	names := make([]string, len(keep))
	for i, id := range keep {
		names[i] = fileName(id.String())
	}
	var errs []error
	for _, dir := range []string{r.dir, r.homes} {
		entries, err := os.ReadDir(dir)
		errs = append(errs, err)
		for _, entry := range entries {
			if !slices.Contains(names, strings.TrimSuffix(entry.Name(), recordSuffix)) {
				errs = append(errs, removeTree(filepath.Join(dir, entry.Name())))
			}
		}
	}
	return errors.Join(errs...)
}

// removeTree removes a file or a folder that may not be there. A task may have
// left folders that are not writable (Go's module cache is such a one).
func removeTree(path string) error {
	if err := os.Remove(path); err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if os.RemoveAll(path) == nil {
		return nil
	}
	_ = filepath.WalkDir(path, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path)
}
