//go:build linux

package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs checks that all programs are there, and returns the folder of the CNI plugins. Debian
// has it beside the folder of containerd, in lib/cni.
func programs(s settings) (plugins string, err error) {
	if s.Kubernetes == "" {
		return "", errors.New("-kubernetes is required")
	}
	for _, name := range []string{"containerd", "ctr", "runc", "ip", "busybox", s.Kubernetes} {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", err
		}
		if err := visible(path); err != nil {
			return "", err
		}
		if name == "containerd" {
			plugins = filepath.Join(filepath.Dir(path), "..", "lib", "cni")
		}
	}
	_, err = os.Stat(filepath.Join(plugins, "bridge"))
	return plugins, err
}

// hidden are folders of this machine that are empty inside.
var hidden = []string{"/run", "/var/lib", "/var/log"}

// visible checks that a file can be seen from inside.
func visible(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	for _, folder := range hidden {
		if strings.HasPrefix(path, folder+"/") {
			return fmt.Errorf("%s is below %s, which the cluster does not see", path, folder)
		}
	}
	return nil
}

// busybox returns the text of the program that has a shell and other commands.
func busybox() ([]byte, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	program, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	if program.Section(".interp") != nil {
		return nil, fmt.Errorf("%s needs libraries, which an image does not have: install a static busybox", path)
	}
	return os.ReadFile(path)
}
