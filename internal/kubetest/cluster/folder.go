//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// prefix begins the names of all folders, and those of their control groups.
const prefix = "runwith-kubernetes-"

// folder is a cluster's folder. The process that made it keeps it locked.
type folder struct {
	path string
	lock *os.File
}

// newFolder makes a folder. First it removes those whose process was killed.
func newFolder() (*folder, error) {
	// Nobody else looks at a folder while it has no lock.
	all, err := os.OpenFile(filepath.Join(os.TempDir(), prefix+"lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	if err := syscall.Flock(int(all.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	if err := sweep(); err != nil {
		return nil, fmt.Errorf("remove what a killed cluster left: %w", err)
	}
	path, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	if err := visible(path); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	lock, err := open(path)
	return &folder{path: path, lock: lock}, err
}

// open opens a folder and locks it, unless its process runs.
func open(path string) (lock *os.File, err error) {
	if lock, err = os.Open(path); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// sweep removes the folders and control groups of clusters whose process was killed.
func sweep() error {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"[0-9]*"))
	for _, path := range paths {
		lock, e := open(path)
		switch {
		case errors.Is(e, syscall.EWOULDBLOCK):
		case e != nil:
			err = errors.Join(err, e)
		default:
			err = errors.Join(err, (&folder{path: path, lock: lock}).remove())
		}
	}
	return err
}

// name is also the name of the control group.
func (f *folder) name() string { return filepath.Base(f.path) }

// remove removes the folder and its control groups.
func (f *folder) remove() error {
	return errors.Join(removeCGroup(f.name()), os.RemoveAll(f.path), f.lock.Close())
}
