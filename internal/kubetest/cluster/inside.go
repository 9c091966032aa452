//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// inside is the first process in the cluster's namespaces. When it ends, the kernel kills all
// others.
func inside() error {
	var c config
	told := os.NewFile(3, "config")
	// This waits for the network too: see connect.
	if err := errors.Join(json.NewDecoder(told).Decode(&c), told.Close()); err != nil {
		return err
	}
	if err := mountAll(); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	started := make(chan error, 1)
	k := &cluster{config: c, processes: newProcesses(c.Folder), running: map[string]*process{}}
	go func() { started <- k.start() }()
	orders := make(chan string)
	go readOrders(orders)
	for {
		select {
		case err := <-started:
			if err != nil {
				return err
			}
			fmt.Println("ready", k.adminFile())
			started = nil
		case order, more := <-orders:
			switch {
			case !more:
				return nil
			case started != nil:
				fmt.Println("failed: the cluster is not ready")
			default:
				k.answer(order)
			}
		}
	}
}

// readOrders sends the lines of the standard input to a channel, and closes it at their end.
func readOrders(orders chan<- string) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		orders <- lines.Text()
	}
	close(orders)
}

// answer obeys an order and prints the result in one line.
func (k *cluster) answer(order string) {
	if err := k.obey(order); err != nil {
		fmt.Println("failed", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	fmt.Println("ok")
}
