# shellcheck shell=bash
# What starts a Podman and a Docker for the tests of containers, each over a folder of
# its own, and ends them again. For bash, as root; .ci/run sources it.

daemon_pids=()
daemon_folders=()

# start_podman starts Podman's service and sets podman_host to its address. Where
# cgroups are those of version 1, Podman needs runc, and limits that it does not ask the system for.
start_podman() {
  local folder
  folder=$(mktemp -d)
  daemon_folders+=("$folder")
  mkdir "$folder/networks"
  cat >"$folder/containers.conf" <<CONF
[engine]
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_config_dir = "$folder/networks"
CONF
  printf '[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n' >"$folder/registries.conf"
  # From its folder: conmon leaves a file where it was started.
  (cd "$folder" && CONTAINERS_CONF=$folder/containers.conf CONTAINERS_REGISTRIES_CONF=$folder/registries.conf \
    exec podman --root "$folder/root" --runroot "$folder/run" \
    system service --time=0 "unix://$folder/podman.sock") >"$folder/log" 2>&1 &
  daemon_pids+=($!)
  await_daemon "$folder" podman.sock && export podman_host=unix://$folder/podman.sock
}

# start_docker starts Docker's daemon and sets docker_host to its address. It has a
# bridge of its own, and leaves the machine's packet filter alone: containers reach
# the machine, and nothing beyond.
start_docker() {
  local folder
  folder=$(mktemp -d)
  daemon_folders+=("$folder")
  docker_bridge=runwith$$
  # An address that is given stays; one that is not changes with the containers on the bridge.
  ip link add "$docker_bridge" address 02:72:77:00:00:01 type bridge && ip link set "$docker_bridge" up &&
    ip address add "10.213.$((RANDOM % 256)).1/24" dev "$docker_bridge" || return 1
  dockerd --bridge="$docker_bridge" --iptables=false --ip-forward=false --data-root "$folder/root" --exec-root "$folder/exec" \
    --pidfile "$folder/pid" --host "unix://$folder/docker.sock" >"$folder/log" 2>&1 &
  daemon_pids+=($!)
  await_daemon "$folder" docker.sock && export docker_host=unix://$folder/docker.sock
}

# await_daemon waits until a daemon listens, and shows its log when it does not.
await_daemon() { # FOLDER SOCKET
  for _ in $(seq 300); do
    [ ! -S "$1/$2" ] || return 0
    kill -0 "${daemon_pids[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$1/log" >&2
  return 1
}

# stop_daemons ends what was started, with the containers that a test that was
# interrupted has left, and removes it.
stop_daemons() {
  local pid folder
  for folder in "${daemon_folders[@]}"; do
    [ ! -S "$folder/podman.sock" ] || podman --root "$folder/root" --runroot "$folder/run" rm --all --force --time 0 >/dev/null 2>&1 || true
  done
  for pid in "${daemon_pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  for folder in "${daemon_folders[@]}"; do
    awk -v folder="$folder/" 'index($2, folder) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount 2>/dev/null || true
    rm -rf "$folder"
  done
  [ -z "${docker_bridge-}" ] || ip link delete "$docker_bridge" 2>/dev/null || true
}
