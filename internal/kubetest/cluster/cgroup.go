//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// cgroups is where control groups are.
const cgroups = "/sys/fs/cgroup"

// newCGroup makes a control group for all Pods of a cluster. Another kubelet with the same group
// would end the Pods of this one, because it does not know them. It returns the group's path from
// the root.
func newCGroup(name string) (path string, err error) {
	if _, err := os.Stat(filepath.Join(cgroups, "cgroup.controllers")); err == nil {
		return "/" + name, newCGroup2(filepath.Join(cgroups, name))
	}
	hierarchies, err := filepath.Glob(filepath.Join(cgroups, "*", "cgroup.procs"))
	if err != nil {
		return "", err
	}
	if len(hierarchies) == 0 {
		return "", fmt.Errorf("there are no control groups in %s", cgroups)
	}
	for _, procs := range hierarchies {
		hierarchy := filepath.Dir(procs)
		if err := os.MkdirAll(filepath.Join(hierarchy, name), 0o700); err != nil {
			return "", err
		}
		// A new group has no processors and no memory, so that nothing can run in it.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := copyFile(filepath.Join(hierarchy, name, file), filepath.Join(hierarchy, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
	}
	return "/" + name, nil
}

// newCGroup2 makes a group of version 2, to which the root passes its controllers on.
func newCGroup2(path string) error {
	control := filepath.Join(cgroups, "cgroup.subtree_control")
	if err := os.WriteFile(control, []byte("+cpuset +cpu +io +memory +pids"), 0o600); err != nil {
		return fmt.Errorf("%w (in a container, move its processes out of the root group first)", err)
	}
	return os.Mkdir(path, 0o700)
}

func copyFile(to, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

// removeCGroup removes a group with all groups in it. It waits for processes that were killed,
// because a group stays until they have ended.
func removeCGroup(name string) error {
	found, err := filepath.Glob(filepath.Join(cgroups, "*", name))
	if err != nil {
		return err
	}
	for _, root := range append(found, filepath.Join(cgroups, name)) {
		var failed error
		busy := await("the removal of "+root, func() error {
			if failed = removeTree(root); errors.Is(failed, syscall.EBUSY) {
				return failed
			}
			return nil
		})
		if err := cmp.Or(busy, failed); err != nil {
			return err
		}
	}
	return nil
}

// removeTree removes the folders of a tree, the lowest first. The files of a control group go
// with it.
func removeTree(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	for _, path := range slices.Backward(folders) {
		if e := os.Remove(path); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
