//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// state is the folder with the cluster's files. Only the cluster sees it.
const state = "/run/cluster"

// limit bounds the start of each component. It is generous, because a busy machine is no failure.
const limit = 3 * time.Minute

// cluster is a cluster, seen from inside.
type cluster struct {
	config
	*processes
	tokens  map[string]string   // by user
	running map[string]*process // by component
}

// start starts the cluster. It returns when Pods can run.
func (k *cluster) start() error {
	if err := k.up(); err != nil {
		return err
	}
	if err := k.files(); err != nil {
		return err
	}
	for _, name := range []string{"etcd", "containerd", "apiserver"} {
		if err := k.launch(name); err != nil {
			return err
		}
	}
	if err := await("containerd", k.containerdReady); err != nil {
		return err
	}
	for _, path := range k.Images {
		if err := k.run("ctr", "--address", containerdSocket, "--namespace", "k8s.io", "images", "import", path); err != nil {
			return err
		}
	}
	if err := k.ready("apiserver"); err != nil {
		return k.explain("apiserver", err)
	}
	// The controllers end if the API server does not answer within ten seconds.
	for _, name := range []string{"controllers", "scheduler", "kubelet"} {
		if err := k.launch(name); err != nil {
			return err
		}
	}
	return k.usable()
}

// up configures the namespace's end of the cable.
func (k *cluster) up() error {
	for _, command := range []string{
		"link set lo up", "addr add " + k.Network.node() + "/24 dev eth0", "link set eth0 up",
		"route add default via " + k.Network.machine(),
	} {
		if err := k.run(append([]string{"ip"}, strings.Fields(command)...)...); err != nil {
			return err
		}
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600)
}

// launch starts a component.
func (k *cluster) launch(name string) (err error) {
	k.running[name], err = k.processes.start(name, k.command(name)...)
	return err
}

// obey obeys an order: "kill", "start", "pause" or "resume", and a component. A kill returns
// when the process has ended, and a start when the component answers. The order "crash node" ends
// all that runs on the node, and its kubelet.
func (k *cluster) obey(order string) error {
	if order == "crash node" {
		return k.crash()
	}
	verb, name, _ := strings.Cut(order, " ")
	child := k.running[name]
	if child == nil {
		return fmt.Errorf("there is no component %q", name)
	}
	switch verb {
	case "kill":
		err := syscall.Kill(child.pid, syscall.SIGKILL)
		<-child.ended
		return err
	case "start":
		if err := k.launch(name); err != nil {
			return err
		}
		return k.ready(name)
	case "pause":
		return syscall.Kill(child.pid, syscall.SIGSTOP)
	case "resume":
		return syscall.Kill(child.pid, syscall.SIGCONT)
	}
	return fmt.Errorf("there is no order %q", verb)
}
