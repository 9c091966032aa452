//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// config is what the first process inside is told.
type config struct {
	settings
	Folder  string            // for kubeconfig files and logs
	CGroup  string            // above all groups of the cluster, from the root
	Network network           // already in the namespace
	Images  map[string]string // archives by name
	Plugins string            // the folder of the CNI plugins
}

// outside starts a cluster and removes it in the end.
func outside() (err error) {
	// The cluster is killed when this thread ends, even if this process is killed.
	runtime.LockOSThread()
	c := config{settings: parse()}
	if c.Plugins, err = programs(c.settings); err != nil {
		return err
	}
	folder, err := newFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.remove()) }()
	c.Folder = folder.path
	if c.CGroup, err = newCGroup(folder.name()); err != nil {
		return err
	}
	if c.Images, err = images(folder.path); err != nil {
		return err
	}
	maps.Copy(c.Images, c.Archives)
	return run(c)
}

// run starts the first process inside, and returns when it has ended.
func run(c config) (err error) {
	told, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer tell.Close()
	first := exec.Command("/proc/self/exe", insideArg)
	first.Stdin, first.Stdout, first.Stderr, first.ExtraFiles = os.Stdin, os.Stdout, os.Stderr, []*os.File{told}
	first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL,
		Setpgid:    true, // out of reach of the terminal's signals
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := errors.Join(first.Start(), told.Close()); err != nil {
		return fmt.Errorf("make namespaces: %w", err)
	}
	go func() {
		<-stop
		_ = first.Process.Kill()
	}()
	if c.Network, err = connect(first.Process.Pid); err != nil {
		return errors.Join(err, first.Process.Kill(), ignoreKilled(first.Wait()))
	}
	err = errors.Join(json.NewEncoder(tell).Encode(c), tell.Close(), ignoreKilled(first.Wait()))
	return errors.Join(err, c.Network.remove())
}

// ignoreKilled returns the error of a process unless that is its end by SIGKILL, which is how a
// signal to this command ends the cluster.
func ignoreKilled(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return nil
		}
	}
	return err
}
