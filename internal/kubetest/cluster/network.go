//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// network is a cable between this machine and the cluster, and the addresses at its ends. All
// are in 198.18.0.0/15, a block for measurements that no real network uses (RFC 2544).
type network struct{ Number int }

func (n network) link() string { return fmt.Sprintf("rwkube%d", n.Number) }

// machine is this machine's address for the cluster.
func (n network) machine() string { return fmt.Sprintf("198.18.%d.1", n.Number) }

// node is the address of the node and of the API server.
func (n network) node() string { return fmt.Sprintf("198.18.%d.2", n.Number) }

// pods is the addresses of Pods.
func (n network) pods() string { return fmt.Sprintf("198.19.%d.0/24", n.Number) }

// services is addresses that nothing reaches: the cluster has no kube-proxy.
const services = "10.0.0.0/24"

// connect connects this machine to the network namespace of a process, in which the cable is
// eth0. Two clusters never get the same number, because links of this machine have unique names.
func connect(pid int) (n network, err error) {
	const numbers = 256
	for _, n.Number = range rand.Perm(numbers) {
		err = ip("link", "add", n.link(), "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(pid))
		if err == nil {
			break
		}
	}
	if err != nil {
		return n, err
	}
	// Pods reach this machine and nothing behind it, because no address is translated.
	return n, errors.Join(
		ip("addr", "add", n.machine()+"/24", "dev", n.link()),
		ip("link", "set", n.link(), "up"),
		ip("route", "add", n.pods(), "via", n.node()),
	)
}

// remove removes the cable. The kernel also does, some time after the cluster's last process.
func (n network) remove() error {
	err := ip("link", "delete", n.link())
	if _, gone := os.Stat("/sys/class/net/" + n.link()); gone != nil {
		err = nil
	}
	return err
}

// ip changes the network.
func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
