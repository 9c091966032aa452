package kube

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// serviceAccountDir is where each Pod has the token of its service account.
const serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

var errNotInCluster = errors.New("this process does not run in a cluster")

// inCluster returns the cluster that this process runs in, with the credentials of its Pod.
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
func inCluster(o Options) (*target, error) {
	host, port := o.env("KUBERNETES_SERVICE_HOST"), o.env("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errNotInCluster
	}
	dir := cmp.Or(o.ServiceAccount, serviceAccountDir)
	token := &source{path: filepath.Join(dir, "token")}
	if _, err := token.read(); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this Pod has no token of a service account (%s): set automountServiceAccountToken to true, or name a file with --kubeconfig", token.path)
	} else if err != nil {
		return nil, err
	}
	namespace, err := os.ReadFile(filepath.Join(dir, "namespace"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &target{
		cluster: "the cluster of this Pod", user: "the service account of this Pod",
		namespace:   strings.TrimSpace(string(namespace)),
		server:      "https://" + net.JoinHostPort(host, port),
		tls:         tlsOptions{authority: &source{path: filepath.Join(dir, "ca.crt")}},
		credentials: &stored{token: token},
	}, nil
}
