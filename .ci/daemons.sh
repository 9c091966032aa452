# shellcheck shell=bash
# Functions that start and stop a Podman, a Docker and a Kubernetes for the container tests,
# each in a folder of its own. .ci/run sources this file, in bash and as root.

daemon_pids=()
daemon_folders=()
bridges=()

# start_podman starts Podman's service and sets podman_host to its address. With cgroups
# v1, Podman needs runc and explicit limits. What its containers reach is this machine, so
# their network leaves the packet filter alone.
start_podman() {
  local folder
  folder=$(mktemp -d)
  daemon_folders+=("$folder")
  mkdir "$folder/networks" "$folder/bin"
  local bridge=podman$$ subnet=10.214.$((RANDOM % 256))
  bridges+=("$bridge")
  # CNI reads the first file, and netavark the second. The bridge and its addresses are this
  # Podman's own: netavark gives the same addresses to the containers of two that share a bridge.
  cat >"$folder/networks/87-podman.conflist" <<CNI
{"cniVersion": "0.4.0", "name": "podman", "plugins": [{
  "type": "bridge", "bridge": "$bridge", "isGateway": true, "hairpinMode": true,
  "ipam": {"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}], "ranges": [[{"subnet": "$subnet.0/24"}]]}
}]}
CNI
  cat >"$folder/networks/podman.json" <<NETAVARK
{"name": "podman", "id": "$(sha256sum <<<"$folder" | cut -c 1-64)", "driver": "bridge", "network_interface": "$bridge",
 "subnets": [{"subnet": "$subnet.0/24", "gateway": "$subnet.1"}], "ipam_options": {"driver": "host-local"}}
NETAVARK
  # Each program that connects asks Podman for its properties, and Podman asks for the packages
  # of its helpers. That would take a second.
  printf '#!/bin/sh\nexit 1\n' >"$folder/bin/dpkg-query"
  chmod +x "$folder/bin/dpkg-query"
  cat >"$folder/containers.conf" <<CONF
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_config_dir = "$folder/networks"
CONF
  printf '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n' >"$folder/registries.conf"
  # Start it in its folder, because conmon leaves a file in the current one.
  (cd "$folder" && PATH=$folder/bin:$PATH CONTAINERS_CONF=$folder/containers.conf CONTAINERS_REGISTRIES_CONF=$folder/registries.conf \
    exec podman --root "$folder/root" --runroot "$folder/run" \
    system service --time=0 "unix://$folder/podman.sock") >"$folder/log" 2>&1 &
  daemon_pids+=($!)
  await_daemon "$folder" podman.sock && export podman_host=unix://$folder/podman.sock
}

# start_docker starts Docker's daemon and sets docker_host to its address. The daemon has
# its own bridge and does not change the machine's packet filter, so containers reach this
# machine only.
start_docker() {
  local folder
  folder=$(mktemp -d)
  daemon_folders+=("$folder")
  local bridge=docker$$
  bridges+=("$bridge")
  # Without a fixed address, the bridge would take a new one from each container.
  ip link add "$bridge" address 02:72:77:00:00:01 type bridge && ip link set "$bridge" up &&
    ip address add "10.213.$((RANDOM % 256)).1/24" dev "$bridge" || return 1
  dockerd --bridge="$bridge" --iptables=false --ip-forward=false --data-root "$folder/root" --exec-root "$folder/exec" \
    --pidfile "$folder/pid" --host "unix://$folder/docker.sock" >"$folder/log" 2>&1 &
  daemon_pids+=($!)
  await_daemon "$folder" docker.sock && export docker_host=unix://$folder/docker.sock
}

# build_kubernetes builds Kubernetes in the background, because that takes 15 minutes of
# processor time if Go's build cache does not have it.
build_kubernetes() {
  kubernetes_folder=$(mktemp -d)
  daemon_folders+=("$kubernetes_folder")
  nice -n 19 tools/kubernetes/build.sh "$kubernetes_folder/kubernetes" >"$kubernetes_folder/log" 2>&1 &
  kubernetes_build=$!
}

# built_kubernetes waits for build_kubernetes. If that failed, it prints the log.
built_kubernetes() {
  local pid=$kubernetes_build
  kubernetes_build=
  wait "$pid" || { tail -n 20 "$kubernetes_folder/log" >&2; return 1; }
  export RUNWITH_TEST_KUBERNETES=$kubernetes_folder/kubernetes
}

# start_kubernetes starts a cluster and sets kubernetes_config to its kubeconfig. The cluster
# also ends if this shell is killed, because its input does.
start_kubernetes() {
  local line
  go build -o "$kubernetes_folder/cluster" ./internal/kubetest/cluster || return 1
  coproc kubernetes { exec "$kubernetes_folder/cluster" -kubernetes "$RUNWITH_TEST_KUBERNETES"; }
  daemon_pids+=("$kubernetes_PID")
  read -r line <&"${kubernetes[0]}" || return 1
  export kubernetes_config=${line#ready }
}

# start_gcloud starts a gcloud that has loaded its modules, and puts it into PATH, because each
# start of gcloud takes more than a second. Its commands are the same, but never have colours.
start_gcloud() {
  local folder root python sites options=(-S)
  folder=$(mktemp -d)
  daemon_folders+=("$folder")
  read -r root python sites < <(gcloud info --format='value[separator=" "](installation.sdk_root,basic.python_location,basic.site_packages)')
  [ "$sites" != True ] || options=()
  TERM=dumb "$python" "${options[@]}" .ci/gcloud.py serve "$folder/socket" "$root" >"$folder/log" 2>&1 &
  daemon_pids+=($!)
  await_daemon "$folder" socket || return 1
  mkdir "$folder/bin"
  printf '#!/bin/sh\nexec %q -SE %q run %q "$@"\n' "$python" "$PWD/.ci/gcloud.py" "$folder/socket" >"$folder/bin/gcloud"
  chmod +x "$folder/bin/gcloud"
  export PATH=$folder/bin:$PATH
}

# await_daemon waits until a daemon listens. If that fails, it prints the log.
await_daemon() { # FOLDER SOCKET
  for _ in $(seq 300); do
    [ ! -S "$1/$2" ] || return 0
    kill -0 "${daemon_pids[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$1/log" >&2
  return 1
}

# stop_daemons stops the daemons and removes their folders. It also removes containers that
# an interrupted test left behind.
stop_daemons() {
  local pid folder bridge
  for folder in "${daemon_folders[@]}"; do
    [ ! -S "$folder/podman.sock" ] || podman --root "$folder/root" --runroot "$folder/run" rm --all --force --time 0 >/dev/null 2>&1 || true
  done
  for pid in "${daemon_pids[@]}" ${kubernetes_build-}; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  for folder in "${daemon_folders[@]}"; do
    awk -v folder="$folder/" 'index($2, folder) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount 2>/dev/null || true
    rm -rf "$folder"
  done
  for bridge in "${bridges[@]}"; do
    ip link delete "$bridge" 2>/dev/null || true
  done
}
