//go:build linux

package main

import (
	"os"
	"path"
	"strings"
	"syscall"
)

// tunables are settings of the whole machine that the kubelet changes when it starts.
var tunables = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// mountAll gives the cluster files of its own where it writes outside of its folder, so that
// nothing of it stays on this machine.
func mountAll() error {
	// Kubernetes needs mounts that pass on to containers, but not to this machine.
	for _, how := range []uintptr{syscall.MS_PRIVATE, syscall.MS_SHARED} {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|how, ""); err != nil {
			return err
		}
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	for _, folder := range hidden {
		if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=755"); err != nil {
			return err
		}
	}
	for _, folder := range []string{state, path.Dir(tunable(""))} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	for _, name := range tunables {
		if err := fake(name); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// tunable is the file that stands for a setting.
func tunable(name string) string {
	return path.Join(state, "sysctl", strings.ReplaceAll(name, "/", "."))
}

// fake puts an ordinary file with the same content in the place of a setting.
func fake(name string) error {
	setting := path.Join("/proc/sys", name)
	if err := copyFile(tunable(name), setting); err != nil {
		return err
	}
	return syscall.Mount(tunable(name), setting, "", syscall.MS_BIND, "")
}
