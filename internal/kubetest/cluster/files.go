//go:build linux

package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The files of the components.
const (
	certificate      = state + "/server.crt" // of the API server; it signs itself
	certificateKey   = state + "/server.key"
	accountKey       = state + "/account.key" // signs tokens of service accounts
	tokenFile        = state + "/tokens.csv"
	containerdConfig = state + "/containerd.toml"
	kubeletConfig    = state + "/kubelet.yaml"
)

// The users with a token.
const (
	admin        = "admin"
	controlPlane = "control-plane"
	kubelet      = "system:node:" + nodeName
)

// files writes the files of all components.
func (k *cluster) files() error {
	k.tokens = map[string]string{admin: rand.Text(), controlPlane: rand.Text(), kubelet: rand.Text()}
	public, err := k.certify()
	if err != nil {
		return err
	}
	var tokens strings.Builder
	for user, group := range map[string]string{admin: "system:masters", controlPlane: "system:masters", kubelet: "system:nodes"} {
		fmt.Fprintf(&tokens, "%s,%s,%[2]s,%s\n", k.tokens[user], user, group)
		err = errors.Join(err, write(kubeconfig(user), k.kubeconfig(user, public)))
	}
	return errors.Join(err,
		write(tokenFile, tokens.String()),
		write(k.adminFile(), k.kubeconfig(admin, public)),
		write(containerdConfig, k.containerdConfig()),
		write(kubeletConfig, k.kubeletConfig()),
		os.MkdirAll(networkConfig, 0o700),
		write(filepath.Join(networkConfig, "10-bridge.conflist"), k.bridge()),
	)
}

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

// kubeconfig is the file with the token of a user.
func kubeconfig(user string) string {
	return filepath.Join(state, strings.ReplaceAll(user, ":", "-")+".kubeconfig")
}

// adminFile is the administrator's kubeconfig that this machine sees.
func (k *cluster) adminFile() string { return filepath.Join(k.Folder, "admin.kubeconfig") }

func (k *cluster) kubeconfig(user string, certificate []byte) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
contexts:
- name: test
  context:
    cluster: test
    user: %s
clusters:
- name: test
  cluster:
    server: %s
    certificate-authority-data: %s
users:
- name: %[1]s
  user:
    token: %[4]s
`, user, k.apiServer(), base64.StdEncoding.EncodeToString(certificate), k.tokens[user])
}

// networkConfig is the folder from which containerd reads how to connect Pods.
const networkConfig = state + "/cni"

func (k *cluster) bridge() string {
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "bridge", "plugins": [{
	"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": false,
	"ipam": {"type": "host-local", "ranges": [[{"subnet": "%s"}]], "routes": [{"dst": "0.0.0.0/0"}]}
}]}
`, k.Network.pods())
}

func (k *cluster) containerdConfig() string {
	return fmt.Sprintf(`version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "%s"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%s"
  disable_apparmor = true
  # Nothing can be made less likely to be killed, because that needs CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%s"
    conf_dir = "%s"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`, containerdSocket, pauseImage, k.Plugins, networkConfig)
}

func (k *cluster) kubeletConfig() string {
	interval := "10s" // Kubernetes' default
	if k.LogSize != defaultLogSize {
		interval = "3s" // the shortest one; the test waits for it
	}
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
# Only the API server reaches the kubelet.
address: "%s"
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: "unix://%s"
cgroupDriver: cgroupfs
cgroupRoot: "%s"
failCgroupV1: false # since 1.35 the kubelet refuses cgroups v1 otherwise
oomScoreAdj: 0 # a lower one needs CAP_SYS_RESOURCE
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: "" # there is no DNS
serializeImagePulls: false
maxPods: 200
volumePluginDir: "%s/plugins"
enableControllerAttachDetach: false
containerLogMaxSize: %s
containerLogMonitorInterval: %s
containerLogMaxFiles: 5
imageGCHighThresholdPercent: 100 # never remove the images of the tests
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: "100Mi", nodefs.available: "1%%", nodefs.inodesFree: "1%%", imagefs.available: "1%%"}
`, k.Network.node(), containerdSocket, k.CGroup, state, k.LogSize, interval)
}
