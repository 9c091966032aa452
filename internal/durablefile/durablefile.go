// Package durablefile writes small files that a crash leaves whole or not at all: secrets and IDs
// that a server makes once and needs at every later start.
package durablefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Write writes a file, or replaces it. When it returns without an error, the file is on disk, with
// the permissions perm. If it fails, or the process or the machine stops before that, the path
// is as it was or has the new content.
//
// The folder must exist. Write uses path+".tmp", so at most one process may write a path at a time.
func Write(path string, content []byte, perm fs.FileMode) error {
	temporary := path + ".tmp"
	if err := write(temporary, content, perm); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return SyncFolder(filepath.Dir(path))
}

// write writes a file and syncs it. If that fails, it removes the file.
func write(path string, content []byte, perm fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, perm)
	if err != nil {
		return err
	}
	// The file may be one that a crash left, with permissions of its own.
	err = file.Chmod(perm)
	if err == nil {
		_, err = file.Write(content)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// SyncFolder makes the names in a folder durable. It does nothing on Windows, which makes them
// durable itself and cannot sync a folder.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
