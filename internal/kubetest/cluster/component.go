//go:build linux

package main

import (
	"slices"
	"strings"
)

// nodeName is the name of the only node.
const nodeName = "node"

// Addresses inside, where no other program listens.
const (
	etcdAddress      = "127.0.0.1:2379"
	etcdPeer         = "http://127.0.0.1:2380"
	containerdSocket = "/run/containerd.sock"
)

func (k *cluster) apiServer() string { return "https://" + k.Network.node() + ":6443" }

// command returns the command line of a component.
func (k *cluster) command(component string) []string {
	var command []string
	switch component {
	case "etcd":
		command = []string{
			k.Kubernetes, "etcd", "--data-dir=/var/lib/etcd", "--unsafe-no-fsync", "--log-level=warn",
			"--listen-client-urls=http://" + etcdAddress, "--advertise-client-urls=http://" + etcdAddress,
			"--listen-peer-urls=" + etcdPeer, "--initial-advertise-peer-urls=" + etcdPeer, "--initial-cluster=default=" + etcdPeer,
		}
	case "containerd":
		command = []string{"containerd", "--config=" + containerdConfig}
	case "apiserver":
		command = k.apiServerCommand()
	case "controllers":
		command = []string{
			k.Kubernetes, "kube-controller-manager", "--kubeconfig=" + kubeconfig(controlPlane), "--leader-elect=false",
			"--service-account-private-key-file=" + accountKey, "--root-ca-file=" + certificate,
			"--flex-volume-plugin-dir=" + state + "/plugins", "--bind-address=127.0.0.1", "--profiling=false",
			"--controllers=" + controllers,
		}
	case "scheduler":
		command = []string{
			k.Kubernetes, "kube-scheduler", "--kubeconfig=" + kubeconfig(controlPlane), "--leader-elect=false",
			"--bind-address=127.0.0.1", "--profiling=false",
		}
	case "kubelet":
		command = []string{
			k.Kubernetes, "kubelet", "--config=" + kubeletConfig, "--kubeconfig=" + kubeconfig(kubelet),
			"--hostname-override=" + nodeName, "--node-ip=" + k.Network.node(),
		}
	}
	if k.Gates != "" && slices.Contains([]string{"apiserver", "kubelet"}, component) {
		command = append(command, "--feature-gates="+k.Gates)
	}
	return append(command, k.Flags[component]...)
}

// controllers are those that Pods, namespaces and Jobs need.
var controllers = strings.Join([]string{
	"serviceaccount-controller", "serviceaccount-token-controller", "root-ca-certificate-publisher-controller",
	"namespace-controller", "garbage-collector-controller", "pod-garbage-collector-controller",
	"node-lifecycle-controller", "taint-eviction-controller", "disruption-controller", "job-controller",
	"ttl-after-finished-controller", "resourcequota-controller", "statefulset-controller", "deployment-controller",
	"replicaset-controller", "persistentvolume-binder-controller", "persistentvolumeclaim-protection-controller",
}, ",")

func (k *cluster) apiServerCommand() []string {
	return []string{
		k.Kubernetes, "kube-apiserver", "--etcd-servers=http://" + etcdAddress,
		"--bind-address=" + k.Network.node(), "--advertise-address=" + k.Network.node(), "--secure-port=6443",
		"--tls-cert-file=" + certificate, "--tls-private-key-file=" + certificateKey, "--cert-dir=" + state,
		"--service-account-key-file=" + accountKey, "--service-account-signing-key-file=" + accountKey,
		"--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=" + services,
		"--authorization-mode=Node,RBAC", "--token-auth-file=" + tokenFile, "--allow-privileged=true",
		"--enable-admission-plugins=NodeRestriction", "--kubelet-preferred-address-types=InternalIP",
		"--endpoint-reconciler-type=none", "--profiling=false",
	}
}
