//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// controlPlanePrograms are the components that run on, because on a real cluster they run on
// another machine.
var controlPlanePrograms = []string{"etcd", "apiserver", "controllers", "scheduler"}

// volatile are the folders that a machine keeps in memory, as far as containers use them.
var volatile = []string{"/run/containerd", "/run/netns"}

// crash does to the node what a power failure does: the kubelet, containerd and all containers
// end at once, and what was in memory is lost. Nothing of them starts again by itself.
func (k *cluster) crash() error {
	pids, err := k.nodeProcesses()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if e := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	<-k.running["kubelet"].ended
	<-k.running["containerd"].ended
	return errors.Join(err, k.unmount(append(volatile, "/var/lib/kubelet")), removeAll(volatile))
}

// nodeProcesses returns the processes in the cluster's namespace that are not of the control
// plane.
func (k *cluster) nodeProcesses() (pids []int, err error) {
	spared := []int{os.Getpid()}
	for _, name := range controlPlanePrograms {
		spared = append(spared, k.running[name].pid)
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		pid, e := strconv.Atoi(filepath.Base(folder))
		if err = errors.Join(err, e); !slices.Contains(spared, pid) {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// unmount unmounts all that is mounted in folders, the newest first.
func (k *cluster) unmount(folders []string) error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for _, line := range slices.Backward(strings.Split(strings.TrimSpace(string(text)), "\n")) {
		point := strings.Fields(line)[1]
		within := func(folder string) bool { return strings.HasPrefix(point, folder+"/") }
		if !slices.ContainsFunc(folders, within) {
			continue
		}
		if e := syscall.Unmount(point, syscall.MNT_DETACH); e != nil {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", point, e))
		}
	}
	return err
}

func removeAll(folders []string) (err error) {
	for _, folder := range folders {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}
