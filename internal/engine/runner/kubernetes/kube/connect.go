package kube

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
)

// Options choose a cluster and how to call it. The zero value finds no cluster, because
// Connect reads the variables HOME, KUBECONFIG and KUBERNETES_SERVICE_HOST from Environ.
type Options struct {
	// Kubeconfig is the only file to read. If it is empty, Connect reads the files that
	// kubectl reads: those in KUBECONFIG or, if that is not set, ~/.kube/config. It skips
	// files that do not exist. If none of the files names a cluster, Connect uses the
	// cluster that this process runs in.
	Kubeconfig string
	// Context is the context of the kubeconfig; empty is its current one.
	Context string
	// Namespace overrides the context's namespace or, in a cluster, this process's.
	Namespace string
	// Environ is this process's environment, as NAME=VALUE. Credential plugins get it too.
	Environ []string
	// ServiceAccount is the folder with the token of a process in a cluster; empty is
	// the folder of every Pod.
	ServiceAccount string
	// Rate is the maximum number of requests a second, and Burst the maximum number at
	// once after a pause. 0 is DefaultRate and DefaultBurst; a negative Rate is no limit.
	// Reads of logs have a separate limit of the same size. Watches and Leases have none.
	Rate  float64
	Burst int
	// Version is the program's, for the header User-Agent.
	Version string
	// Logger receives the errors that no method returns. Nil discards them.
	Logger *slog.Logger
}

// Connect finds a cluster and its credentials as kubectl does. It reads files and sends no
// request: [Client.Version] shows whether the cluster answers.
func Connect(o Options) (*Client, error) {
	t, err := o.find()
	if err != nil {
		return nil, err
	}
	if o.Namespace != "" {
		t.namespace = o.Namespace
	}
	return t.client(o)
}

// find returns the cluster to call.
func (o Options) find() (*target, error) {
	paths := o.paths()
	config, err := readKubeconfig(paths)
	switch {
	case err != nil:
		return nil, err
	case o.Kubeconfig != "" && len(config.files) == 0:
		return nil, fmt.Errorf("kubeconfig %s does not exist", o.Kubeconfig)
	case !config.empty():
		return config.target(o)
	case o.Context != "":
		return nil, fmt.Errorf("context %q: there is no kubeconfig with a context (looked at %s)", o.Context, list(paths))
	}
	t, err := inCluster(o)
	if errors.Is(err, errNotInCluster) {
		return nil, fmt.Errorf("no Kubernetes cluster is configured: name a file with --kubeconfig or in KUBECONFIG (looked at %s; %w)", list(paths), err)
	}
	return t, err
}

// paths returns the kubeconfig files to read, in the order of their precedence.
func (o Options) paths() []string {
	if o.Kubeconfig != "" {
		return []string{o.Kubeconfig}
	}
	if listed := o.env("KUBECONFIG"); listed != "" {
		return filepath.SplitList(listed)
	}
	home := o.env("HOME")
	if home == "" && runtime.GOOS == "windows" {
		home = o.env("USERPROFILE")
	}
	if home == "" {
		return nil
	}
	return []string{filepath.Join(home, ".kube", "config")}
}

// env returns a variable of the environment; the last of a name wins.
func (o Options) env(name string) (value string) {
	for _, variable := range o.Environ {
		if v, ok := strings.CutPrefix(variable, name+"="); ok {
			value = v
		}
	}
	return value
}

// list joins names for a message.
func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
