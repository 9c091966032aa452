//go:build linux

// Command cluster runs a Kubernetes cluster of one node until its standard input ends. It needs
// root, containerd, runc, the CNI plugins, ip, a static busybox, and the binary of
// tools/kubernetes.
//
// Once the cluster is ready, the command prints a line: "ready" and the path of the
// administrator's kubeconfig. Each line that it then reads is an order, such as "kill kubelet":
// see cluster.obey. It answers "ok", or "failed" and the reason.
//
// The cluster has its own process, mount and network namespaces. So the end of the first process
// ends all others, with every mount and the network. What else the cluster has on this machine is
// a folder for temporary files, and control groups of the same name. A command that is killed
// leaves those, and the next one removes them.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

// insideArg is the argument of the first process inside the cluster's namespaces.
const insideArg = "inside"

func main() {
	run := outside
	if len(os.Args) == 2 && os.Args[1] == insideArg {
		run = inside
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// settings is what the command is told.
type settings struct {
	Kubernetes string              // the binary of tools/kubernetes
	LogSize    string              // at which the kubelet rotates a container's log
	Gates      string              // feature gates, such as PodLogsQuerySplitStreams=true
	Archives   map[string]string   // of more images, by name
	Flags      map[string][]string // more flags, by component
}

// defaultLogSize is Kubernetes' default.
const defaultLogSize = "10Mi"

// parse reads the command line.
func parse() settings {
	s := settings{Archives: map[string]string{}, Flags: map[string][]string{}}
	flag.StringVar(&s.Kubernetes, "kubernetes", "", "the `file` that tools/kubernetes/build.sh built")
	flag.StringVar(&s.LogSize, "log-size", defaultLogSize, "the `size` at which a container's log is rotated")
	flag.StringVar(&s.Gates, "gates", "", "feature gates: `GATE=true,...`")
	flag.Func("image", "`NAME=ARCHIVE` of another image; repeatable", func(text string) error {
		name, archive, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%q is not NAME=ARCHIVE", text)
		}
		s.Archives[name] = archive
		return nil
	})
	flag.Func("flag", "`COMPONENT=FLAG`, such as apiserver=--max-requests-inflight=5; repeatable", func(text string) error {
		component, more, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%q is not COMPONENT=FLAG", text)
		}
		s.Flags[component] = append(s.Flags[component], more)
		return nil
	})
	flag.Parse()
	return s
}
