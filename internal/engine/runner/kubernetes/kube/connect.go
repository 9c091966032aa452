package kube

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
)

// Options choose a cluster and how to call it. The zero value finds neither kubeconfig nor
// cluster: Environ has what they are found by.
type Options struct {
	// Kubeconfig is the one file to read. If it is empty, the files are those that
	// kubectl reads: KUBECONFIG's or, if that is not set, ~/.kube/config. Files of those
	// that do not exist are skipped. If none of them names a cluster, Connect uses the
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
	// Rate is how many requests are sent a second, and Burst how many at once after a
	// rest; 0 is DefaultRate and DefaultBurst, and a negative Rate is no limit. Reads of
	// logs have such a limit of their own. Watches and Leases have none.
	Rate  float64
	Burst int
	// Version is the program's, for the header User-Agent.
	Version string
	// Logger receives errors that no caller sees. Nil discards them.
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
