package kube

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
)

// kubeconfig is one kubeconfig file, or several that are merged.
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
type kubeconfig struct {
	CurrentContext string         `yaml:"current-context"`
	Contexts       []namedContext `yaml:"contexts"`
	Clusters       []namedCluster `yaml:"clusters"`
	Users          []namedUser    `yaml:"users"`

	files []string // those that exist
}

type namedContext struct {
	Name    string       `yaml:"name"`
	Context configChoice `yaml:"context"`
}

// configChoice joins a cluster, a user and a namespace: a context.
type configChoice struct {
	Cluster   string `yaml:"cluster"`
	User      string `yaml:"user"`
	Namespace string `yaml:"namespace"`
}

type namedCluster struct {
	Name    string        `yaml:"name"`
	Cluster configCluster `yaml:"cluster"`
}

type namedUser struct {
	Name string     `yaml:"name"`
	User configUser `yaml:"user"`
}

// readKubeconfig reads and merges the files that exist. As with kubectl, the first file that
// has an entry of a name wins, and so does the first current context.
func readKubeconfig(paths []string) (*kubeconfig, error) {
	merged := new(kubeconfig)
	for _, path := range paths {
		if path == "" {
			continue // KUBECONFIG=":file"
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read kubeconfig: %w", err)
		}
		var one kubeconfig
		if err := yaml.Unmarshal(text, &one); err != nil {
			// The text of the file is left out of the message: it has secrets.
			return nil, fmt.Errorf("kubeconfig %s is not valid: %s", path, yaml.FormatError(err, false, false))
		}
		one.resolve(filepath.Dir(path))
		merged.add(&one)
		merged.files = append(merged.files, path)
	}
	return merged, nil
}

// resolve makes paths absolute that are relative to the file's folder.
func (k *kubeconfig) resolve(dir string) {
	for i := range k.Clusters {
		resolve(dir, &k.Clusters[i].Cluster.CertificateAuthority)
	}
	for i := range k.Users {
		u := &k.Users[i].User
		for _, path := range []*string{&u.ClientCertificate, &u.ClientKey, &u.TokenFile} {
			resolve(dir, path)
		}
		// A command without a folder is looked for in PATH.
		if u.Exec != nil && filepath.Base(u.Exec.Command) != u.Exec.Command {
			resolve(dir, &u.Exec.Command)
		}
	}
}

func resolve(dir string, path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(dir, *path)
	}
}

// add adds the entries of the next file whose names are not taken yet.
func (k *kubeconfig) add(next *kubeconfig) {
	if k.CurrentContext == "" {
		k.CurrentContext = next.CurrentContext
	}
	for _, c := range next.Contexts {
		if _, ok := k.context(c.Name); !ok {
			k.Contexts = append(k.Contexts, c)
		}
	}
	for _, c := range next.Clusters {
		if _, ok := k.cluster(c.Name); !ok {
			k.Clusters = append(k.Clusters, c)
		}
	}
	for _, u := range next.Users {
		if _, ok := k.user(u.Name); !ok {
			k.Users = append(k.Users, u)
		}
	}
}

// empty reports that the kubeconfig configures nothing.
func (k *kubeconfig) empty() bool {
	return len(k.Contexts) == 0 && len(k.Clusters) == 0 && k.CurrentContext == ""
}

func (k *kubeconfig) context(name string) (c configChoice, ok bool) {
	i := slices.IndexFunc(k.Contexts, func(c namedContext) bool { return c.Name == name })
	if i < 0 {
		return c, false
	}
	return k.Contexts[i].Context, true
}

func (k *kubeconfig) cluster(name string) (c configCluster, ok bool) {
	i := slices.IndexFunc(k.Clusters, func(c namedCluster) bool { return c.Name == name })
	if i < 0 {
		return c, false
	}
	return k.Clusters[i].Cluster, true
}

func (k *kubeconfig) user(name string) (u configUser, ok bool) {
	i := slices.IndexFunc(k.Users, func(u namedUser) bool { return u.Name == name })
	if i < 0 {
		return u, false
	}
	return k.Users[i].User, true
}

// contextNames returns the names of the contexts.
func (k *kubeconfig) contextNames() []string {
	names := make([]string, 0, len(k.Contexts))
	for _, c := range k.Contexts {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}
